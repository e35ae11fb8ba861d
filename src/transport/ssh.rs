//! Over SSH.
