//! Stub.
use super::event::*;
/// x
pub struct Progress(Box<dyn std::io::Write + Send>);
impl Progress {
    /// x
    pub fn new(_: bool, _: bool, _: usize, w: Box<dyn std::io::Write + Send>) -> Self {
        Self(w)
    }
}
impl Sink for Progress {
    fn event(&mut self, e: Event<'_>) {
        writeln!(self.0, "{e:?}").unwrap();
    }
}
