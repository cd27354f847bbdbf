//! The Hub's checklist, 37 to 45: the same cache in other hands, and what is left alone.
//!
//! `MODELSTRAP_TEST_PYTHON`, `…_V1` and `…_OLD` name interpreters with huggingface_hub 2.4.0, 1.20.1 and 0.36.0,
//! `…_TRANSFORMERS` and `…_TRANSFORMERS_4` ones with transformers 5 and 4.57. What is not installed is skipped, aloud.
#![cfg(unix)]

mod beside;
mod cleaners;
mod clients;
mod untouched;
