//! Small models with weights, which the real libraries make here: what modelstrap downloads of them, the same libraries load and
//! compute with, in a process that `modelstrap run` started with the network shut.
//!
//! `MODELSTRAP_TEST_PYTHON_SPACY` names an interpreter with spaCy, `…_WHISPER` one with openai-whisper and torch, `…_FASTER_WHISPER`
//! one with faster-whisper, `…_MLX` one with mlx-whisper (on Linux `mlx[cpu]`), `…_PYANNOTE` one with pyannote.audio 3,
//! `…_SENTENCE_TRANSFORMERS` one with sentence-transformers and torch. What is not installed is skipped, aloud.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/hub/mod.rs"]
mod hub;
#[path = "support/makers.rs"]
mod makers;
#[path = "support/offline.rs"]
mod offline;
#[path = "support/python.rs"]
mod python;
mod support;
#[path = "support/zoo.rs"]
mod zoo;

#[path = "real_weights/faster_whisper.rs"]
mod faster_whisper;
#[path = "real_weights/mlx.rs"]
mod mlx;
#[path = "real_weights/pyannote.rs"]
mod pyannote;
#[path = "real_weights/sentences.rs"]
mod sentences;
#[path = "real_weights/spacy.rs"]
mod spacy;
#[path = "real_weights/whisper.rs"]
mod whisper;
