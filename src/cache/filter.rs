//! Which models are shown, and in which order: `size>1GB`, `used>30d`, `name=whisper`.

use std::cmp::Reverse;
use std::str::FromStr;

use super::inventory::Unit;
use crate::support::units;

/// A condition on a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// A size in bytes.
    Number(Field, Comparison, u64),
    /// Not used for so many seconds (`>`), or used since (`<`).
    Age(Comparison, i64),
    /// Part of the name, whatever its letter case.
    Name(String),
}

/// What has a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// What programs see.
    Size,
    /// What it takes on the disk.
    Disk,
    /// What deleting it frees.
    Frees,
    /// How many files.
    Files,
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
}

/// The order of models and places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The largest on disk first
    #[default]
    Size,
    /// What frees most first
    Frees,
    /// By name
    Name,
    /// What was not used for the longest time first
    Used,
    /// What has most files first
    Files,
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; a filter is like size>1GB, disk>=500MB, frees>0, files<10, used>30d or name=whisper")]
pub struct NotAFilter(String);

impl FromStr for Filter {
    type Err = NotAFilter;

    fn from_str(text: &str) -> Result<Self, NotAFilter> {
        let at = text.find(['<', '>', '=']).ok_or_else(|| NotAFilter("it compares nothing".to_owned()))?;
        let (name, rest) = text.split_at(at);
        let (comparison, value) = comparison(rest);
        let (name, value) = (name.trim(), value.trim());
        let field = match name {
            "size" => Field::Size,
            "disk" => Field::Disk,
            "frees" | "exclusive" => Field::Frees,
            "files" => Field::Files,
            "used" => {
                let age = humantime::parse_duration(value);
                let age = age.map_err(|_| NotAFilter(format!("{value:?} is not a time")))?;
                return Ok(Self::Age(comparison, i64::try_from(age.as_secs()).unwrap_or(i64::MAX)));
            }
            "name" if comparison == Comparison::Equal => return Ok(Self::Name(value.to_lowercase())),
            other => return Err(NotAFilter(format!("nothing is called {other:?}"))),
        };
        let number = match field {
            Field::Files => value.parse().ok(),
            _ => units::parse_bytes(value),
        };
        let number = number.ok_or_else(|| NotAFilter(format!("{value:?} is not a number")))?;
        Ok(Self::Number(field, comparison, number))
    }
}

fn comparison(text: &str) -> (Comparison, &str) {
    for (sign, comparison) in [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        (">", Comparison::More),
        ("<", Comparison::Less),
        ("==", Comparison::Equal),
    ] {
        if let Some(rest) = text.strip_prefix(sign) {
            return (comparison, rest);
        }
    }
    (Comparison::Equal, text.get(1..).unwrap_or_default())
}

impl Comparison {
    fn holds<T: Ord>(self, one: T, other: T) -> bool {
        match self {
            Self::More => one > other,
            Self::AtLeast => one >= other,
            Self::Less => one < other,
            Self::AtMost => one <= other,
            Self::Equal => one == other,
        }
    }
}

impl Filter {
    /// Whether `unit` is shown; `now` in seconds since 1970.
    pub fn admits(&self, unit: &Unit, now: i64) -> bool {
        match self {
            Self::Number(field, comparison, number) => {
                let sizes = unit.sizes;
                let found = match field {
                    Field::Size => sizes.apparent,
                    Field::Disk => sizes.disk,
                    Field::Frees => sizes.exclusive,
                    Field::Files => sizes.files,
                };
                comparison.holds(found, *number)
            }
            Self::Age(comparison, age) => {
                unit.used.is_some_and(|used| comparison.holds(now.saturating_sub(used), *age))
            }
            Self::Name(part) => unit.name.to_string_lossy().to_lowercase().contains(part),
        }
    }
}

impl Order {
    /// Puts `units` into this order; equal ones by name.
    pub fn sort(self, units: &mut [&Unit]) {
        units.sort_by(|one, other| one.name.cmp(&other.name));
        match self {
            Self::Size => units.sort_by_key(|unit| Reverse(unit.sizes.disk)),
            Self::Frees => units.sort_by_key(|unit| Reverse(unit.sizes.exclusive)),
            Self::Name => {}
            Self::Used => units.sort_by_key(|unit| unit.used.unwrap_or(i64::MIN)),
            Self::Files => units.sort_by_key(|unit| Reverse(unit.sizes.files)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::inventory::{Heap, UnitKind};
    use crate::cache::sizes::Sizes;

    fn unit(name: &str, disk: u64, used: i64) -> Unit {
        let sizes = Sizes { apparent: disk * 2, disk, exclusive: disk / 2, files: 3 };
        Unit {
            elsewhere: 0,
            with: None,
            name: name.into(),
            path: name.into(),
            sizes,
            used: Some(used),
            partial: Heap::default(),
            kind: UnitKind::File,
        }
    }

    #[test]
    fn filters_compare_what_they_name() {
        let found = unit("org/Whisper", 1000, 50);
        let admits = |text: &str| text.parse::<Filter>().unwrap().admits(&found, 100);
        for yes in [
            "size>1kB",
            "size>=2 kB",
            "disk=1000",
            "disk<=1kB",
            "frees<501",
            "files==3",
            "used>49s",
            "used>=50s",
            "name=whis",
        ] {
            assert!(admits(yes), "{yes}");
        }
        for no in ["size>2kB", "disk<1000", "files>3", "used>1d", "name=torch"] {
            assert!(!admits(no), "{no}");
        }
    }

    #[test]
    fn what_is_no_filter_says_what_one_is() {
        for (text, why) in [
            ("size", "it compares nothing"),
            ("colour>3", "nothing is called \"colour\""),
            ("size>big", "\"big\" is not a number"),
            ("used>long", "\"long\" is not a time"),
            ("name>a", "nothing is called \"name\""),
        ] {
            let error = text.parse::<Filter>().unwrap_err().to_string();
            assert!(error.starts_with(why) && error.contains("size>1GB"), "{error}");
        }
    }

    #[test]
    fn orders_put_the_greatest_first_and_the_oldest() {
        let (small, large) = (unit("b", 1, 9), unit("a", 5, 2));
        let order = |order: Order| {
            let mut units = vec![&small, &large];
            order.sort(&mut units);
            units.iter().map(|unit| unit.name.to_str().unwrap()).collect::<String>()
        };
        assert_eq!(
            [Order::Size, Order::Frees, Order::Name, Order::Used, Order::Files].map(order),
            ["ab", "ab", "ab", "ab", "ab"]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_filter_panics(text in ".{0,40}") {
            let _ = text.parse::<Filter>();
        }
    }
}
