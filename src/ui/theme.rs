//! How the wizard's questions look: the answer that is about to be chosen has an arrow and not only a colour, and an
//! answered question is one short line.

use std::fmt::{Result, Write};

use console::{Style, measure_text_width};
use dialoguer::theme::Theme;

use crate::ui::text;

/// Columns that stand before an item.
pub const MARGIN: usize = 6;

/// The questions' theme. Its colours read well on dark and on light terminals alike: no white, no yellow text.
#[derive(Debug)]
pub struct Questions {
    colour: bool,
    width: usize,
}

impl Questions {
    /// With colours or without, in a terminal of `width` columns.
    pub fn new(colour: bool, width: usize) -> Self {
        Self { colour, width }
    }

    fn style(&self) -> Style {
        Style::new().for_stderr().force_styling(self.colour)
    }

    fn ask(&self, to: &mut dyn Write, question: &str) -> Result {
        let (question, hint) = split(question);
        let hint = if hint.is_empty() { String::new() } else { format!("  {}", self.style().dim().apply_to(hint)) };
        write!(to, "{} {}{hint}", self.style().cyan().bold().apply_to("?"), self.style().bold().apply_to(question))
    }

    fn answered(&self, to: &mut dyn Write, question: &str, answer: &str) -> Result {
        let (question, _) = split(question);
        let answer = text::fold(answer, self.width, measure_text_width(question) + 4);
        write!(to, "{} {question}  {}", self.style().green().apply_to("✔"), self.style().green().apply_to(answer))
    }

    fn item(&self, to: &mut dyn Write, mark: &str, text: &str, active: bool) -> Result {
        let (name, rest) = split(text);
        let gap = " ".repeat(text.len() - name.len() - rest.len());
        let rest = format!("{gap}{}", self.style().dim().apply_to(rest));
        match active {
            true => {
                let active = self.style().cyan().bold();
                write!(to, "{} {mark}{}{rest}", active.apply_to("❯"), active.apply_to(name))
            }
            false => write!(to, "  {mark}{name}{rest}"),
        }
    }
}

/// A text is a name or a question, and what explains it behind two spaces or more.
fn split(text: &str) -> (&str, &str) {
    text.split_once("  ").map_or((text, ""), |(name, rest)| (name, rest.trim_start()))
}

impl Theme for Questions {
    fn format_prompt(&self, f: &mut dyn Write, prompt: &str) -> Result {
        self.ask(f, prompt)
    }

    fn format_error(&self, f: &mut dyn Write, error: &str) -> Result {
        write!(f, "{} {error}", self.style().red().bold().apply_to("error:"))
    }

    fn format_confirm_prompt(&self, f: &mut dyn Write, prompt: &str, default: Option<bool>) -> Result {
        self.ask(f, prompt)?;
        let keys = match default {
            Some(true) => "Y/n",
            Some(false) => "y/N",
            None => "y/n",
        };
        write!(f, "  {} ", self.style().dim().apply_to(keys))
    }

    fn format_confirm_prompt_selection(&self, f: &mut dyn Write, prompt: &str, answer: Option<bool>) -> Result {
        match answer {
            Some(true) => self.answered(f, prompt, "yes"),
            _ => write!(f, "{} {}  no", self.style().red().apply_to("✘"), split(prompt).0),
        }
    }

    fn format_input_prompt(&self, f: &mut dyn Write, prompt: &str, default: Option<&str>) -> Result {
        self.ask(f, prompt)?;
        default.map_or(Ok(()), |default| write!(f, " ({default})"))?;
        write!(f, "  ")
    }

    fn format_input_prompt_selection(&self, f: &mut dyn Write, prompt: &str, answer: &str) -> Result {
        self.answered(f, prompt, answer)
    }

    fn format_select_prompt(&self, f: &mut dyn Write, prompt: &str) -> Result {
        self.ask(f, prompt)
    }

    fn format_select_prompt_selection(&self, f: &mut dyn Write, prompt: &str, answer: &str) -> Result {
        self.answered(f, prompt, split(answer).0)
    }

    fn format_select_prompt_item(&self, f: &mut dyn Write, text: &str, active: bool) -> Result {
        self.item(f, "", text, active)
    }

    fn format_multi_select_prompt(&self, f: &mut dyn Write, prompt: &str) -> Result {
        self.ask(f, prompt)
    }

    fn format_multi_select_prompt_selection(&self, f: &mut dyn Write, prompt: &str, answers: &[&str]) -> Result {
        let names: Vec<&str> = answers.iter().map(|answer| split(answer).0).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        self.answered(f, prompt, &names)
    }

    fn format_multi_select_prompt_item(&self, f: &mut dyn Write, text: &str, on: bool, active: bool) -> Result {
        let mark = if on { self.style().green().apply_to("●") } else { self.style().dim().apply_to("○") };
        self.item(f, &format!("{mark} "), text, active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(draw: impl Fn(&Questions, &mut String) -> Result) -> String {
        let mut text = String::new();
        draw(&Questions::new(false, 24), &mut text).unwrap();
        text
    }

    #[test]
    fn an_answer_is_one_short_line() {
        let items = ["torch    PyTorch Hub", "mlx      MLX"];
        assert_eq!(
            plain(|theme, to| theme.format_multi_select_prompt_selection(to, "Which?  space marks", &items)),
            "✔ Which?  torch, mlx"
        );
        let long = ["huggingface  Hub", "torch  PyTorch", "mlx  MLX"];
        assert_eq!(
            plain(|theme, to| theme.format_multi_select_prompt_selection(to, "Which?", &long)),
            "✔ Which?  huggingface,\n          torch, mlx"
        );
        assert_eq!(plain(|theme, to| theme.format_multi_select_prompt_selection(to, "Which?", &[])), "✔ Which?  none");
        assert_eq!(plain(|theme, to| theme.format_confirm_prompt_selection(to, "Apply?", Some(true))), "✔ Apply?  yes");
    }

    #[test]
    fn the_active_item_can_be_told_without_colour_and_columns_stay() {
        let draw =
            |active| plain(move |theme, to| theme.format_multi_select_prompt_item(to, "mlx   MLX", true, active));
        assert_eq!((draw(true), draw(false)), ("❯ ● mlx   MLX".to_owned(), "  ● mlx   MLX".to_owned()));
    }
}
