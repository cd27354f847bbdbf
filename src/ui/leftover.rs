//! What a person types after the key that has answered a question: `yes` and Enter for `y`. Left in the terminal, it would be the next
//! command of the shell.

/// Takes the rest of a word that is being typed, up to its Enter, or until nothing more comes for a moment.
#[cfg(unix)]
pub(super) fn drop_word() {
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
    /// A tenth of a second: whoever types a word is faster than three.
    const SILENCE: u8 = 3;
    /// A cat on the keys ends, too.
    const LONGEST: usize = 256;
    let terminal = std::io::stdin();
    let Ok(found) = tcgetattr(&terminal) else { return };
    let mut listening = found.clone();
    // Ctrl-C is the signal that it always is.
    listening.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    listening.special_codes[SpecialCodeIndex::VMIN] = 0;
    listening.special_codes[SpecialCodeIndex::VTIME] = SILENCE;
    if tcsetattr(&terminal, OptionalActions::Now, &listening).is_err() {
        return;
    }
    let mut key = [0; 1];
    for _ in 0..LONGEST {
        match rustix::io::read(&terminal, &mut key) {
            Ok(1..) if !matches!(key, [b'\r' | b'\n']) => {}
            _ => break,
        }
    }
    let _ = tcsetattr(&terminal, OptionalActions::Now, &found);
}

/// The console of Windows gives keys one by one, and forgets them with the program that asked.
#[cfg(not(unix))]
pub(super) fn drop_word() {}
