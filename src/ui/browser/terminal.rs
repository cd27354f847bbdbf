//! The terminal: keys come in one by one, the list has a screen of its own, and whatever happens the terminal is left as it was.

use std::io::{self, Write as _};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::{cursor, execute, terminal};

use super::screen::{Line, Screen};
use super::state::Key;

/// Whether the terminal is in our hands.
static OURS: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// A terminal in our hands, until this goes.
#[derive(Debug)]
pub struct Terminal {
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
        terminal::enable_raw_mode()?;
        OURS.store(true, Ordering::SeqCst);
        let this = Self { screen: Screen::default(), colour };
        // A line that is too long by a character that this terminal draws wide must not push the others down.
        execute!(io::stdout(), terminal::EnterAlternateScreen, terminal::DisableLineWrap, cursor::Hide)?;
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
        if !event::poll(wait)? {
            return Ok(None);
        }
        let input = match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => meant(key),
            Event::Resize(..) => Some(Input::Resized),
            _ => None,
        };
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
        let _ = execute!(io::stdout(), cursor::Show, terminal::EnableLineWrap, terminal::LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
        let _ = io::stdout().flush();
    }
}

fn meant(key: KeyEvent) -> Option<Input> {
    let plain = match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
        KeyCode::Char('l') if key.modifiers.contains(KeyModifiers::CONTROL) => return Some(Input::Redraw),
        KeyCode::Char('h') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Backspace,
        KeyCode::Char(_) if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => return None,
        KeyCode::Char(letter) => Key::Char(letter),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    };
    Some(Input::Key(plain))
}
