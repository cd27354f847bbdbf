//! Whole pictures of a download: bars at several widths, and the lines of a log.

use std::time::Duration;

use console::measure_text_width;

use super::bars::{Look, frame};
use super::state::State;
use super::{FileLine, ModelLine, lines};
use crate::fetch::Event;

fn look(width: usize, height: usize) -> Look {
    Look { width, height, colour: false, unicode: true }
}

/// Two models with `labels` as their files, each of 4 GB, at work for a second.
fn running(labels: &[&str]) -> State {
    let models = ["whisper", "diarize"].map(|name| ModelLine { name: name.into() });
    let file = |(index, label): (usize, &&str)| FileLine {
        label: (*label).to_owned(),
        model: index % 2,
        size: Some(4_000_000_000),
    };
    let mut state = State::new(models.to_vec(), labels.iter().enumerate().map(file));
    for index in 0..labels.len() {
        state.apply(&Event::Started { index, size: None, resumed: 1_000_000_000 }, Duration::ZERO);
    }
    state.sample(Duration::ZERO);
    for index in 0..labels.len() {
        state.apply(&Event::Progress { index, bytes: 50_000_000 * (index as u64 + 1) }, Duration::ZERO);
    }
    state.sample(Duration::from_secs(1));
    state
}

#[test]
fn bars_show_the_whole_and_each_file_with_bytes_speed_time_left_and_retries() {
    let mut state = running(&["model.safetensors", "pytorch_model-00001-of-00002.bin", "vocab.json"]);
    state.apply(&Event::Verifying { index: 0 }, Duration::ZERO);
    state.apply(&Event::Retry { index: 2, why: "reset".into(), wait: Duration::ZERO }, Duration::ZERO);
    let drawn = frame(&state, look(80, 24)).join("\n");
    assert_eq!(
        format!("\n{drawn}"),
        "
  0 of 3 files ↻1         ━━━━───────────  3.30 GB / 12.0 GB   300 MB/s     29s
  whisper: mo…afetensors  ━━━────────────  1.05 GB / 4.00 GB           checking
  diarize: py…-00002.bin  ━━━━───────────  1.10 GB / 4.00 GB   100 MB/s     29s
  whisper: vocab.json ↻1  ━━━━───────────  1.15 GB / 4.00 GB       trying again"
    );
    let narrow = frame(&state, Look { unicode: false, ..look(56, 24) }).join("\n");
    assert_eq!(
        format!("\n{narrow}"),
        "
  0 of 3 files r1  3.30 GB / 12.0 GB   300 MB/s     29s
  whispe...ensors  1.05 GB / 4.00 GB           checking
  diariz...02.bin  1.10 GB / 4.00 GB   100 MB/s     29s
  whisp...json r1  1.15 GB / 4.00 GB       trying again"
    );
}

#[test]
fn files_that_do_not_fit_are_counted() {
    let state = running(&["a.bin"; 20]);
    let drawn = frame(&state, look(120, 50));
    assert_eq!((drawn.len(), drawn.last().map(String::as_str)), (9, Some("  … and 13 more")));
    let drawn = frame(&state, look(120, 8));
    assert_eq!((drawn.len(), drawn.last().map(String::as_str)), (4, Some("  … and 18 more")));
}

#[test]
fn a_name_of_thousands_of_characters_does_not_fill_the_log() {
    let mut state = running(&["ok.bin", &format!("{}.bin", "x".repeat(4000))]);
    let failed = Event::Failed { index: 1, why: "gone".into() };
    state.apply(&failed, Duration::ZERO);
    let said = lines::failure(&state, 1).unwrap();
    assert_eq!(measure_text_width(&said), "diarize: ".len() + 60 + " failed".len(), "{said}");
}

#[test]
fn no_line_reaches_the_last_column_whatever_the_names_and_the_terminal() {
    let long = "x".repeat(4000);
    let state = running(&["evil\u{1b}[2J\n\u{202e}/模型模型模型模型模型模型模型模型.bin", &long, "a"]);
    for width in 1..200 {
        for colour in [true, false] {
            for unicode in [true, false] {
                for line in frame(&state, Look { width, height: 24, colour, unicode }) {
                    let plain = console::strip_ansi_codes(&line).into_owned();
                    assert!(measure_text_width(&plain) < width.max(1), "{width}: {plain:?}");
                    assert!(!plain.chars().any(char::is_control), "{plain:?}");
                    assert!(unicode || plain.is_ascii(), "{plain:?}");
                }
            }
        }
    }
}

#[test]
fn a_log_gets_a_line_at_the_start_one_a_model_and_one_for_the_first_retry() {
    let models = ["whisper", "vad"].map(|name| ModelLine { name: name.into() });
    let file = |label: &str, model, size| FileLine { label: label.into(), model, size };
    let files = vec![
        file("large-v3.pt", 0, Some(3_087_000_000)),
        file("tiny.pt", 0, Some(75_000_000)),
        file("vad.zip", 1, None),
    ];
    let mut state = State::new(models.to_vec(), files);
    let mut log = vec![lines::start(&state)];
    let reset = |wait| Event::Retry { index: 0, why: "connection reset".into(), wait };
    let events = [
        Event::Started { index: 0, size: None, resumed: 0 },
        reset(Duration::from_secs(2)),
        reset(Duration::from_secs(4)),
        Event::Progress { index: 0, bytes: 3_087_000_000 },
        Event::Done { index: 0 },
        Event::Done { index: 1 },
        Event::Failed { index: 2, why: "https://a.example/x\u{1b} answered 404".into() },
    ];
    for (second, event) in (1..).zip(events) {
        let now = Duration::from_secs(second);
        state.apply(&event, now);
        log.extend(lines::after(&state, &event, now));
    }
    log.push(lines::meanwhile(&state));
    assert_eq!(
        log.join("\n"),
        "\
Downloading 2 models: 3 files, 3.16 GB and 1 file of unknown size
whisper: large-v3.pt: connection reset; trying again in 2s
whisper: done, 3.16 GB in 5s
vad: vad.zip failed
3.16 GB of 3.16 GB, 3 of 3 files, 2 requests tried again"
    );
}
