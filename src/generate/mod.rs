//! Pure renderers over `templates/`: data in, text out, no disk.
