//! Transcripts of the core.
