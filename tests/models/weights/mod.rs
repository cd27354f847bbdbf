//! Small models with weights, which the real libraries make here: what modelstrap downloads of them, the same libraries load and
//! compute with, in a process that `modelstrap run` started with the network shut.
//!
//! `MODELSTRAP_TEST_PYTHON_SPACY` names an interpreter with spaCy, `…_WHISPER` one with openai-whisper and torch, `…_FASTER_WHISPER`
//! one with faster-whisper, `…_MLX` one with mlx-whisper (on Linux `mlx[cpu]`), `…_PYANNOTE` one with pyannote.audio 3,
//! `…_SENTENCE_TRANSFORMERS` one with sentence-transformers and torch. What is not installed is skipped, aloud.
#![cfg(unix)]

mod faster_whisper;
mod mlx;
mod pyannote;
mod sentences;
mod spacy;
mod whisper;
