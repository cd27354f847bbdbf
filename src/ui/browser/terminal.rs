//! The terminal: keys come in one by one, the list has a screen of its own, and whatever happens the terminal is left as it was.

use std::io::{self, Write as _};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::screen::{Line, Screen};
use super::state::Key;
#[cfg(unix)]
use super::unix as keys;
#[cfg(not(unix))]
use super::windows as keys;

/// Whether the terminal is in our hands.
static OURS: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// A screen of our own, without the cursor. A line that is too long by a character that this terminal draws wide must not push the
/// others down.
const TAKE: &str = "\x1b[?1049h\x1b[?7l\x1b[?25l";
const GIVE: &str = "\x1b[?25h\x1b[?7h\x1b[?1049l";

/// A terminal in our hands, until this goes.
#[derive(Debug)]
pub struct Terminal {
    keys: keys::Keys,
    screen: Screen,
    colour: bool,
}

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Pressed a key.
    Key(Key),
    /// Made the terminal larger or smaller.
    Resized,
    /// Wants everything drawn again: Ctrl-L.
    Redraw,
}

impl Terminal {
    /// Takes the terminal behind stdin and stdout.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(colour: bool) -> io::Result<Self> {
        // Of a panic one wants to read why, on the screen that stays. It comes first, on whatever thread.
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |what| {
                give_back();
                before(what);
            }));
        });
        keys::begin()?;
        OURS.store(true, Ordering::SeqCst);
        let this = Self { keys: keys::Keys::default(), screen: Screen::default(), colour };
        write_out(TAKE)?;
        Ok(this)
    }

    /// Whether it is still in our hands: a panic elsewhere gives it back.
    pub fn is_ours(&self) -> bool {
        OURS.load(Ordering::SeqCst)
    }

    /// Columns and rows of the terminal that is written to.
    pub fn size(&self) -> (usize, usize) {
        let size = console::Term::stdout().size_checked().filter(|(rows, columns)| *rows > 0 && *columns > 0);
        size.map_or((80, 24), |(rows, columns)| (usize::from(columns), usize::from(rows)))
    }

    /// What a person does within `wait`.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn input(&mut self, wait: Duration) -> io::Result<Option<Input>> {
        let input = self.keys.next(wait)?;
        if input == Some(Input::Redraw) {
            self.screen = Screen::default();
        }
        Ok(input)
    }

    /// Shows `frame`.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn paint(&mut self, frame: &[Line], size: (usize, usize)) -> io::Result<()> {
        self.screen.paint(frame, size, self.colour, &mut io::stdout().lock())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Leaves the terminal as it was. Once: what is on the screen afterwards is not ours.
fn give_back() {
    if OURS.swap(false, Ordering::SeqCst) {
        let _ = write_out(GIVE);
        keys::end();
    }
}

fn write_out(codes: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(codes.as_bytes())?;
    out.flush()
}
