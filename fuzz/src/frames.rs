//! Conversations out of bytes: what the other side says, one thing after another.

use std::sync::Mutex;

/// What the other side still has to say: parts with a length of two bytes before each. A last part that
/// is cut short is what there is of it.
pub struct Turns(Mutex<Vec<u8>>);

/// One thing that it says.
pub struct Turn {
    /// A choice of the target's: the highest bit of the length.
    pub marked: bool,
    pub bytes: Vec<u8>,
}

impl Turns {
    pub fn new(bytes: &[u8]) -> Self {
        Self(Mutex::new(bytes.to_vec()))
    }

    /// The next one; `None` when it has nothing more to say.
    pub fn next(&self) -> Option<Turn> {
        let mut rest = self.0.lock().expect("nobody panics with it");
        let length = u16::from_be_bytes(*rest.first_chunk()?);
        let end = rest.len().min(2 + usize::from(length & 0x7fff));
        let bytes = rest.drain(..end).skip(2).collect();
        Some(Turn {
            marked: length & 0x8000 != 0,
            bytes,
        })
    }
}
