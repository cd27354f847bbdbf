//! What is known about a running download: the events added up, nothing drawn.

use std::time::Duration;

use super::speed::Speed;
use super::{FileLine, ModelLine};
use crate::fetch::Event;
use crate::support::escape;

/// Where a file is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting,
    Running,
    Pausing,
    Checking,
    Done,
    Failed,
}

/// One file.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// Its label, safe to print.
    pub(super) label: Box<str>,
    pub(super) model: usize,
    pub(super) size: Option<u64>,
    /// How much of it is here.
    pub(super) bytes: u64,
    /// How much of that came now, and not in an earlier run.
    pub(super) received: u64,
    pub(super) phase: Phase,
    pub(super) retries: u32,
    pub(super) speed: Speed,
}

/// One model: the sum of its files.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// Its name, safe to print.
    pub(super) name: String,
    pub(super) files: usize,
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) bytes: u64,
    pub(super) received: u64,
    pub(super) began: Option<Duration>,
    pub(super) ended: Option<Duration>,
}

impl Model {
    /// Whether nothing more will happen to it.
    pub(super) fn over(&self) -> bool {
        self.done + self.failed >= self.files
    }

    /// From its first byte to its last file.
    pub(super) fn time(&self, now: Duration) -> Duration {
        let began = self.began.unwrap_or(now);
        self.ended.unwrap_or(now).saturating_sub(began)
    }
}

/// The whole download.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) models: Vec<Model>,
    pub(super) files: Vec<File>,
    /// The files at work, in the order in which they began: a long one keeps its place.
    pub(super) running: Vec<usize>,
    pub(super) bytes: u64,
    pub(super) total: u64,
    /// Files whose size nobody said: `total` lacks them.
    pub(super) unsized_files: usize,
    pub(super) received: u64,
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) retries: u32,
    pub(super) speed: Speed,
}

impl State {
    pub(super) fn new(models: Vec<ModelLine>, files: impl IntoIterator<Item = FileLine>) -> Self {
        let mut state = Self {
            models: models
                .into_iter()
                .map(|model| Model { name: escape::printable(&model.name), ..Model::default() })
                .collect(),
            ..Self::default()
        };
        let files = files.into_iter();
        state.files.reserve_exact(files.size_hint().1.unwrap_or(0));
        for file in files {
            state.total = state.total.saturating_add(file.size.unwrap_or(0));
            state.unsized_files += usize::from(file.size.is_none());
            if let Some(model) = state.models.get_mut(file.model) {
                model.files += 1;
            }
            state.files.push(File {
                label: escape::printable(&file.label).into(),
                model: file.model,
                size: file.size,
                bytes: 0,
                received: 0,
                phase: Phase::Waiting,
                retries: 0,
                speed: Speed::default(),
            });
        }
        state
    }

    /// Adds `event`, that happened at `now`.
    pub(super) fn apply(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Started { index, size, resumed } => self.start(*index, *size, *resumed, now),
            Event::Progress { index, bytes } => self.advance(*index, *bytes),
            Event::Restarted { index, bytes } => self.go_back(*index, *bytes),
            Event::Retry { index, .. } => {
                self.retries += 1;
                if let Some(file) = self.files.get_mut(*index) {
                    file.retries += 1;
                    file.phase = Phase::Pausing;
                }
                self.appear(*index, now);
            }
            Event::Verifying { index } => {
                if let Some(file) = self.files.get_mut(*index) {
                    file.phase = Phase::Checking;
                }
            }
            Event::Done { index } => self.end(*index, Phase::Done, now),
            Event::Failed { index, .. } => self.end(*index, Phase::Failed, now),
        }
    }

    /// Takes the speeds of this moment.
    pub(super) fn sample(&mut self, now: Duration) {
        self.speed.sample(now, self.received);
        for index in &self.running {
            if let Some(file) = self.files.get_mut(*index) {
                file.speed.sample(now, file.received);
            }
        }
    }

    /// The time until all is here; `None` while a size or the speed is unknown.
    pub(super) fn left(&self) -> Option<Duration> {
        if self.unsized_files > 0 {
            return None;
        }
        self.speed.left(self.total.saturating_sub(self.bytes))
    }

    fn appear(&mut self, index: usize, now: Duration) {
        let Some(file) = self.files.get(index) else { return };
        if let Some(model) = self.models.get_mut(file.model) {
            model.began.get_or_insert(now);
        }
        if !self.running.contains(&index) {
            self.running.push(index);
        }
    }

    fn start(&mut self, index: usize, size: Option<u64>, resumed: u64, now: Duration) {
        self.appear(index, now);
        let Some(file) = self.files.get_mut(index) else { return };
        file.phase = Phase::Running;
        if let (None, Some(size)) = (file.size, size) {
            file.size = Some(size);
            self.total = self.total.saturating_add(size);
            self.unsized_files = self.unsized_files.saturating_sub(1);
        }
        self.count(index, resumed);
    }

    /// `bytes` more of a file are here.
    fn count(&mut self, index: usize, bytes: u64) {
        let Some(file) = self.files.get_mut(index) else { return };
        file.bytes = file.bytes.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(model) = self.models.get_mut(file.model) {
            model.bytes = model.bytes.saturating_add(bytes);
        }
    }

    fn advance(&mut self, index: usize, bytes: u64) {
        self.count(index, bytes);
        let Some(file) = self.files.get_mut(index) else { return };
        if file.phase == Phase::Pausing {
            file.phase = Phase::Running;
        }
        file.received = file.received.saturating_add(bytes);
        self.received = self.received.saturating_add(bytes);
        if let Some(model) = self.models.get_mut(file.model) {
            model.received = model.received.saturating_add(bytes);
        }
    }

    fn go_back(&mut self, index: usize, bytes: u64) {
        let Some(file) = self.files.get_mut(index) else { return };
        let bytes = bytes.min(file.bytes);
        file.bytes -= bytes;
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(model) = self.models.get_mut(file.model) {
            model.bytes = model.bytes.saturating_sub(bytes);
        }
    }

    fn end(&mut self, index: usize, phase: Phase, now: Duration) {
        self.running.retain(|running| *running != index);
        let Some(file) = self.files.get_mut(index) else { return };
        if matches!(file.phase, Phase::Done | Phase::Failed) {
            return;
        }
        file.phase = phase;
        // Its samples are a hundred bytes and more.
        file.speed = Speed::default();
        let (model, done) = (file.model, phase == Phase::Done);
        let missing = file.size.filter(|_| done).map_or(0, |size| size.saturating_sub(file.bytes));
        if file.size.is_none() {
            // Its end says how long it was, or that nobody waits for it any more.
            file.size = Some(file.bytes);
            self.total = self.total.saturating_add(file.bytes);
            self.unsized_files = self.unsized_files.saturating_sub(1);
        }
        // A file that lay there already counts as a whole.
        self.count(index, missing);
        *(if done { &mut self.done } else { &mut self.failed }) += 1;
        let Some(model) = self.models.get_mut(model) else { return };
        *(if done { &mut model.done } else { &mut model.failed }) += 1;
        if model.over() {
            model.ended = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(sizes: &[Option<u64>]) -> State {
        let file =
            |(index, size): (usize, &Option<u64>)| FileLine { label: format!("{index}.bin"), model: 0, size: *size };
        State::new(vec![ModelLine { name: "asr".into() }], sizes.iter().enumerate().map(file))
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn events_add_up_and_bytes_of_an_earlier_run_are_not_speed() {
        let mut state = state(&[Some(100), None, Some(7)]);
        state.apply(&Event::Started { index: 0, size: Some(100), resumed: 40 }, at(1));
        state.apply(&Event::Progress { index: 0, bytes: 30 }, at(2));
        state.apply(&Event::Retry { index: 0, why: "reset".into(), wait: at(1) }, at(2));
        assert_eq!((state.bytes, state.received, state.total, state.retries), (70, 30, 107, 1));
        assert_eq!((state.files[0].phase, state.running.clone()), (Phase::Pausing, vec![0]));
        state.apply(&Event::Restarted { index: 0, bytes: 70 }, at(3));
        state.apply(&Event::Progress { index: 0, bytes: 100 }, at(4));
        state.apply(&Event::Done { index: 0 }, at(5));
        assert_eq!((state.bytes, state.received, state.done), (100, 130, 1));
        state.apply(&Event::Started { index: 1, size: Some(50), resumed: 0 }, at(5));
        assert_eq!((state.total, state.unsized_files), (157, 0));
        state.apply(&Event::Failed { index: 1, why: "gone".into() }, at(6));
        // The third was there already.
        state.apply(&Event::Done { index: 2 }, at(7));
        assert_eq!((state.bytes, state.done, state.failed, state.running.len()), (107, 2, 1, 0));
        assert!(state.models[0].over() && state.models[0].time(at(9)) == at(6));
    }

    #[test]
    fn an_event_of_an_unknown_file_or_said_twice_changes_nothing() {
        let mut state = state(&[Some(100)]);
        state.apply(&Event::Done { index: 9 }, at(1));
        state.apply(&Event::Progress { index: 9, bytes: 5 }, at(1));
        state.apply(&Event::Started { index: 9, size: None, resumed: 0 }, at(1));
        assert_eq!((state.bytes, state.done, state.running.len()), (0, 0, 0));
        state.apply(&Event::Done { index: 0 }, at(1));
        state.apply(&Event::Done { index: 0 }, at(2));
        assert_eq!((state.bytes, state.done), (100, 1));
    }
}
