//! One pickle, read opcode by opcode as Python's `pickle` would run it, without running anything: protocols 0 to 5.
//!
//! Where Python would stop, the walk stops and says so; what came before has been executed by then, so it counts. Where
//! a content decides (encodings, escapes, numbers), the walk is laxer than Python, since that shows more and never less.

use std::io;
use std::rc::Rc;

use super::bytes::{Input, is_damage};
use super::machine::{Fault, LONGEST_NAME, Machine, Value};
use super::names;
use super::texts::{as_text, number, spelled};

/// So many names are kept of one stream.
const MOST_NAMES: usize = 200;
/// A tensor of zeros may look like the beginning of a line, and is gigabytes long.
const LONGEST_LINE_OF_A_TENSOR: u64 = 1 << 20;

/// What one stream does.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// What it imports and may not, in order, each once: module and name.
    pub(super) refused: Vec<(String, String)>,
    /// How many imports were met, allowed or not.
    pub(super) imports: u64,
    /// How many calls of imported things were met.
    pub(super) calls: u64,
    /// How many opcodes.
    pub(super) opcodes: u64,
    /// It begins with a protocol number, as every pickle since Python 2.3 does.
    pub(super) headed: bool,
    /// An imported name looks like one.
    pub(super) plausible: bool,
    /// Where it stopped before its end, and why.
    pub(super) fault: Option<(u64, Fault)>,
}

impl Walk {
    /// Walks the pickle that begins here, to its end or to where it breaks. In a `tensor`, no line is read to its end that
    /// is longer than any of a pickle.
    ///
    /// # Errors
    /// When the bytes cannot be read or unpacked.
    pub(super) fn over(input: &mut Input<'_>, tensor: bool) -> io::Result<Self> {
        let longest_line = if tensor { LONGEST_LINE_OF_A_TENSOR } else { u64::MAX };
        let mut walker = Walker { input, longest_line, machine: Machine::default(), walk: Self::default() };
        let start = walker.input.position();
        loop {
            let at = walker.input.position();
            match walker.step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(stop) => {
                    walker.walk.fault = Some((at - start, stop.fault()?));
                    break;
                }
            }
            walker.walk.opcodes += 1;
        }
        Ok(walker.walk)
    }

    /// Whether these bytes are a pickle, or other bytes that were walked in vain.
    pub(super) fn is_one(&self, expected: Expected) -> bool {
        let acts = self.imports > 0 && (self.headed || (self.calls > 0 && self.plausible));
        match self.fault {
            None => true,
            // Python would go on, and what it would meet is not known. Only tensors are regular enough to come so far.
            Some((_, Fault::Limit(_))) => acts || self.headed || expected != Expected::Nothing,
            // Without an import it has done nothing; and a word or two of any file may look like opcodes.
            Some((_, Fault::Broken(_))) => acts || (expected == Expected::Pickle && self.headed && self.opcodes > 2),
        }
    }
}

/// What the bytes are likely to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Nothing else is known: a broken pickle is worth telling.
    Pickle,
    /// Something else that is known, though a pickle can be made to look like it.
    Other,
    /// Tensors, which nobody loads as a pickle.
    Nothing,
}

enum Stop {
    Fault(Fault),
    Disk(io::Error),
}

impl Stop {
    /// A stream that cannot be unpacked any further is broken; what else the disk says is an error.
    fn fault(self) -> io::Result<Fault> {
        match self {
            Self::Fault(fault) => Ok(fault),
            Self::Disk(error) => match error.kind() {
                io::ErrorKind::QuotaExceeded => Ok(Fault::Limit("unpacks to more than can be looked through")),
                io::ErrorKind::FileTooLarge => Ok(Fault::Limit("has a line longer than can be followed")),
                _ if is_damage(&error) => Ok(Fault::Broken("cannot be unpacked any further")),
                _ => Err(error),
            },
        }
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

const ENDS: Stop = Stop::Fault(Fault::Broken("ends in the middle"));

struct Walker<'a, 'b> {
    input: &'a mut Input<'b>,
    longest_line: u64,
    machine: Machine,
    walk: Walk,
}

impl Walker<'_, '_> {
    /// One opcode with its argument; false at the stream's end.
    fn step(&mut self) -> Result<bool, Stop> {
        let Some(opcode) = self.input.byte()? else { return Err(ENDS) };
        match opcode {
            // STOP takes the result from the stack.
            b'.' => {
                self.machine.pop()?;
                return Ok(false);
            }
            // PROTO
            0x80 => {
                let [version] = self.array()?;
                if version > 5 {
                    return Err(Fault::Broken("names a protocol that does not exist").into());
                }
                self.walk.headed |= self.walk.opcodes == 0;
            }
            // FRAME: only says how much Python may read at once.
            0x95 => drop(self.array::<8>()?),
            b'c' | b'i' | 0x93 | 0x82..=0x84 => self.import(opcode)?,
            b'R' | 0x81 | 0x92 | b'o' | b'b' => self.call(opcode)?,
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.memo(opcode)?,
            b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d => self.text(opcode)?,
            _ => self.data(opcode)?,
        }
        Ok(true)
    }

    /// What imports: GLOBAL, INST, STACK_GLOBAL, EXT1 to EXT4.
    fn import(&mut self, opcode: u8) -> Result<(), Stop> {
        match opcode {
            b'c' => {
                let (module, name) = (self.name()?, self.name()?);
                self.imported(module, name)
            }
            b'i' => {
                let (module, name) = (self.name()?, self.name()?);
                self.machine.pop_mark()?;
                self.imported(module, name)?;
                self.machine.pop()?;
                self.walk.calls += 1;
                Ok(self.machine.push(Value::Unknown)?)
            }
            0x93 => {
                let (name, module) = (self.machine.pop()?, self.machine.pop()?);
                let (Some(module), Some(name)) = (as_name(&module), as_name(&name)) else {
                    return Err(Fault::Broken("imports what is no name").into());
                };
                self.imported(module, name)
            }
            _ => {
                let width = 1 << (opcode - 0x82);
                let code = self.input.take(width, 4)?.ok_or(ENDS)?;
                let code = code.iter().rev().fold(0_u32, |code, byte| code << 8 | u32::from(*byte));
                // Only the process that loads it knows what stands behind the number.
                self.imported("copyreg".to_owned(), format!("extension {code}"))
            }
        }
    }

    fn imported(&mut self, module: String, name: String) -> Result<(), Stop> {
        self.walk.imports += 1;
        let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_.".contains(c));
        self.walk.plausible |= word(&module) && word(&name);
        if !names::allowed(&module, &name) {
            self.refuse(&module, &name);
        }
        Ok(self.machine.push(Value::Import(Rc::new((module, name))))?)
    }

    fn refuse(&mut self, module: &str, name: &str) {
        let refused = &mut self.walk.refused;
        if refused.iter().any(|(m, n)| m == module && n == name) {
            return;
        }
        let new = (module.to_owned(), name.to_owned());
        if refused.len() < MOST_NAMES {
            refused.push(new);
        } else if names::dangerous(module, name) {
            // The worst is named even after many others.
            refused[MOST_NAMES - 1] = new;
        }
    }

    /// What calls or changes: REDUCE, NEWOBJ, NEWOBJ_EX, OBJ, BUILD.
    fn call(&mut self, opcode: u8) -> Result<(), Stop> {
        let called = match opcode {
            b'o' => {
                let class = self.machine.pop_mark()?.ok_or(Fault::Broken("takes a value that is not there"))?;
                self.machine.push(Value::Unknown)?;
                class
            }
            b'b' => {
                self.machine.pop()?;
                let target = self.machine.top()?.clone();
                // Torch's own reader sets attributes of values only. Of a class or a function it is tampering with the
                // program that loads the file.
                if let Value::Import(import) = &target {
                    self.refuse(&import.0, &format!("{} (changed in place)", import.1));
                }
                target
            }
            _ => {
                for _ in 0..if opcode == 0x92 { 2 } else { 1 } {
                    self.machine.pop()?;
                }
                let called = self.machine.pop()?;
                self.machine.push(Value::Unknown)?;
                called
            }
        };
        self.walk.calls += u64::from(matches!(called, Value::Import(_)));
        Ok(())
    }

    /// What remembers and recalls: PUT, BINPUT, LONG_BINPUT, MEMOIZE; GET, BINGET, LONG_BINGET.
    fn memo(&mut self, opcode: u8) -> Result<(), Stop> {
        let key = match opcode {
            b'p' | b'g' => {
                let (line, whole) = self.line(LONGEST_NAME)?;
                number(&line).filter(|_| whole)
            }
            b'q' | b'h' => Some(u64::from(u8::from_le_bytes(self.array()?))),
            b'r' | b'j' => Some(u64::from(u32::from_le_bytes(self.array()?))),
            _ => return Ok(self.machine.remember(None)?),
        };
        match opcode {
            b'p' if key.is_none() => self.machine.forget(),
            b'p' | b'q' | b'r' => self.machine.remember(key)?,
            _ => self.machine.recall(key)?,
        }
        Ok(())
    }

    /// What makes a text: STRING, BINSTRING, SHORT_BINSTRING, UNICODE, BINUNICODE, SHORT_BINUNICODE, BINUNICODE8.
    fn text(&mut self, opcode: u8) -> Result<(), Stop> {
        let value = match opcode {
            b'S' | b'V' => {
                let (line, whole) = self.line(2 * LONGEST_NAME)?;
                if whole { spelled(&line, opcode == b'S') } else { Value::Unknown }
            }
            _ => {
                let length = self.length(opcode)?;
                let kept = self.input.take(length, LONGEST_NAME)?.ok_or(ENDS)?;
                if kept.len() as u64 == length { as_text(&kept) } else { Value::Unknown }
            }
        };
        Ok(self.machine.push(value)?)
    }

    /// What only builds data, which is the rest.
    fn data(&mut self, opcode: u8) -> Result<(), Stop> {
        match opcode {
            b'(' => self.machine.mark()?,
            b'0' => self.machine.drop_top()?,
            b'1' => drop(self.machine.pop_mark()?),
            b'2' => {
                let top = self.machine.top()?.clone();
                self.machine.push(top)?;
            }
            // NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT, EMPTY_SET
            b'N' | 0x88 | 0x89 | b')' | b']' | b'}' | 0x8f => self.machine.push(Value::Other)?,
            // INT, LONG, FLOAT
            b'I' | b'L' | b'F' => {
                self.line(0)?;
                self.machine.push(Value::Other)?;
            }
            // BININT1, BININT2, BININT, BINFLOAT
            b'K' | b'M' | b'J' | b'G' => {
                let width = match opcode {
                    b'K' => 1,
                    b'M' => 2,
                    b'J' => 4,
                    _ => 8,
                };
                self.passed_over(width)?;
            }
            // LONG1, LONG4, BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8
            0x8a | 0x8b | b'B' | b'C' | 0x8e | 0x96 => {
                let length = self.length(opcode)?;
                self.passed_over(length)?;
            }
            // PERSID; BINPERSID: whoever loads the file decides what stands behind it.
            b'P' => {
                self.line(0)?;
                self.machine.push(Value::Unknown)?;
            }
            b'Q' => {
                self.machine.pop()?;
                self.machine.push(Value::Unknown)?;
            }
            // APPEND
            b'a' => drop(self.machine.pop()?),
            // SETITEM
            b's' => {
                self.machine.pop()?;
                self.machine.pop()?;
            }
            // APPENDS, SETITEMS, ADDITEMS
            b'e' | b'u' | 0x90 => {
                self.machine.pop_mark()?;
                self.machine.top()?;
            }
            // TUPLE, LIST, DICT, FROZENSET
            b't' | b'l' | b'd' | 0x91 => {
                self.machine.pop_mark()?;
                self.machine.push(Value::Other)?;
            }
            // TUPLE1, TUPLE2, TUPLE3
            0x85..=0x87 => {
                for _ in 0x84..opcode {
                    self.machine.pop()?;
                }
                self.machine.push(Value::Other)?;
            }
            // NEXT_BUFFER, READONLY_BUFFER
            0x97 => self.machine.push(Value::Unknown)?,
            0x98 => drop(self.machine.top()?),
            _ => return Err(Fault::Broken("has a byte that is no opcode").into()),
        }
        Ok(())
    }

    fn passed_over(&mut self, length: u64) -> Result<(), Stop> {
        if !self.input.skip(length)? {
            return Err(ENDS);
        }
        Ok(self.machine.push(Value::Other)?)
    }

    /// How many bytes the argument has, as the opcode writes it.
    fn length(&mut self, opcode: u8) -> Result<u64, Stop> {
        Ok(match opcode {
            b'U' | 0x8c | 0x8a | b'C' => u64::from(u8::from_le_bytes(self.array()?)),
            0x8d | 0x8e | 0x96 => u64::from_le_bytes(self.array()?),
            b'T' | 0x8b => u64::try_from(i32::from_le_bytes(self.array()?))
                .map_err(|_| Fault::Broken("has a length below zero"))?,
            _ => u64::from(u32::from_le_bytes(self.array()?)),
        })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        self.input.array()?.ok_or(ENDS)
    }

    fn line(&mut self, keep: usize) -> Result<(Vec<u8>, bool), Stop> {
        self.input.line(keep, self.longest_line)?.ok_or(ENDS)
    }

    fn name(&mut self) -> Result<String, Stop> {
        let (line, whole) = self.line(LONGEST_NAME)?;
        let mut name = String::from_utf8_lossy(&line).into_owned();
        if !whole {
            name.push('…');
        }
        Ok(name)
    }
}

/// The name that a value gives an import: no name at all for a value that can be none.
fn as_name(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Unknown | Value::Import(_) => Some("(a name that cannot be told)".to_owned()),
        Value::Other => None,
    }
}
