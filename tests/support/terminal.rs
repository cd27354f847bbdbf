//! A real terminal (a pty) with a program in it: keys go in, and what a person would read comes out.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

/// How long a program may take to say what it is expected to say.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal with a running program.
pub(crate) struct Terminal {
    keys: File,
    side: OwnedFd,
    child: Running,
    said: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    seen: usize,
}

/// A program that does not outlive its test, whatever that says.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How the program ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// Everything that was written, escapes and all.
    pub(crate) raw: String,
    /// Whether the terminal was left as it was found: echoing, line by line.
    pub(crate) restored: bool,
}

impl Terminal {
    /// Starts `command` with all three streams on a new terminal of this size.
    pub(crate) fn open(columns: u16, rows: u16, command: &mut Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        // Another test's program that kept it open would keep this terminal open.
        rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let side =
            rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        tcsetwinsize(&side, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let stream = || Stdio::from(side.try_clone().unwrap());
        let child = command.env("TERM", "xterm-256color").stdin(stream()).stdout(stream()).stderr(stream());
        let child = Running(child.spawn().unwrap());
        // The command holds copies of its streams; they go with it.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let keys = File::from(master);
        let mut screen = keys.try_clone().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&said);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A pty whose other side is closed is an error to read, not an end.
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self { keys, side, child, said, reader, seen: 0 }
    }

    /// Waits for `text` after what was waited for before; fails with what is there instead.
    pub(crate) fn wait_for(&mut self, text: &str) -> &mut Self {
        let start = Instant::now();
        loop {
            let plain = console::strip_ansi_codes(&self.raw()).replace('\r', "");
            if let Some(at) = plain.get(self.seen..).and_then(|rest| rest.find(text)) {
                self.seen += at + text.len();
                return self;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{text:?} did not come:\n{}",
                plain.get(self.seen..).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Presses keys, once the program listens for single ones.
    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        let start = Instant::now();
        let raw = |side: &OwnedFd| !tcgetattr(side).unwrap().local_modes.contains(rustix::termios::LocalModes::ICANON);
        while !raw(&self.side) {
            assert!(start.elapsed() < PATIENCE, "nobody listens for keys:\n{}", self.raw());
            thread::sleep(Duration::from_millis(5));
        }
        self.keys.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Types into whatever reads lines now.
    pub(crate) fn enter(&mut self, line: &str) -> &mut Self {
        self.keys.write_all(line.as_bytes()).unwrap();
        self
    }

    /// Makes the terminal larger or smaller under the program.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) -> &mut Self {
        tcsetwinsize(&self.side, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        self
    }

    /// Waits until the screen of a program that draws by lines holds every one of `words`, and gives it.
    pub(crate) fn screen(&mut self, words: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let screen = drawn(&self.raw());
            if words.iter().all(|word| screen.contains(word)) {
                return screen;
            }
            assert!(start.elapsed() < PATIENCE, "{words:?} are not all on the screen:\n{screen}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn raw(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    /// The program's process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Waits for the end of the program.
    pub(crate) fn end(mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > PATIENCE {
                self.child.0.kill().unwrap();
                panic!("it did not end:\n{}", self.raw());
            }
            thread::sleep(Duration::from_millis(10));
        };
        use rustix::termios::LocalModes;
        let restored = tcgetattr(&self.side).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO);
        drop(self.side);
        self.reader.join().unwrap();
        Ended { status, raw: String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned(), restored }
    }
}

/// What stands on the screen after `raw`: of the codes only those count that clear and place (`ESC[2J`, `ESC[K`, `ESC[row;1H`).
fn drawn(raw: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut row = 0;
    for piece in raw.split('\x1b').skip(1) {
        let code = piece.find(|letter: char| letter.is_ascii_alphabetic()).map(|end| piece.split_at(end + 1));
        let Some((code, text)) = code.filter(|(code, _)| code.starts_with('[')) else { continue };
        match code {
            "[2J" => lines.clear(),
            "[K" => lines.get_mut(row).into_iter().for_each(String::clear),
            _ if code.ends_with('H') => {
                row = code[1..].split(';').next().unwrap().parse::<usize>().unwrap_or(1) - 1;
                lines.resize(lines.len().max(row + 1), String::new());
            }
            _ => {}
        }
        if let Some(line) = lines.get_mut(row) {
            line.push_str(text);
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Keys as a terminal sends them.
pub(crate) mod keys {
    pub(crate) const ENTER: &str = "\r";
    pub(crate) const LEFT: &str = "\x1b[D";
    pub(crate) const END: &str = "\x1b[F";
    pub(crate) const DOWN: &str = "\x1b[B";
    pub(crate) const SPACE: &str = " ";
    pub(crate) const ESCAPE: &str = "\x1b";
    pub(crate) const CTRL_C: &str = "\x03";
}
