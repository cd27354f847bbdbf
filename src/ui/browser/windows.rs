//! The terminal's keys where there is no Unix: crossterm knows the console of Windows.

use std::io;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal;

use super::state::Key;
use super::terminal::Input;

/// Where keys come from.
#[derive(Debug, Default)]
pub(super) struct Keys(());

/// Keys come one by one, and are not echoed; the console takes escape codes.
pub(super) fn begin() -> io::Result<()> {
    if !crossterm::ansi_support::supports_ansi() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this console takes no escape codes"));
    }
    terminal::enable_raw_mode()
}

/// Everything as it was.
pub(super) fn end() {
    let _ = terminal::disable_raw_mode();
}

impl Keys {
    /// What a person does within `wait`.
    pub(super) fn next(&mut self, wait: Duration) -> io::Result<Option<Input>> {
        if !event::poll(wait)? {
            return Ok(None);
        }
        Ok(match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => meant(key),
            Event::Resize(..) => Some(Input::Resized),
            _ => None,
        })
    }
}

fn meant(key: KeyEvent) -> Option<Input> {
    let plain = match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
        KeyCode::Char('l') if key.modifiers.contains(KeyModifiers::CONTROL) => return Some(Input::Redraw),
        // AltGr is both, and makes letters.
        KeyCode::Char(letter) => {
            let held = key.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT);
            if held != KeyModifiers::NONE && held != KeyModifiers::CONTROL | KeyModifiers::ALT {
                return None;
            }
            Key::Char(letter)
        }
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
