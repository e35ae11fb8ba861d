//! YAML → Spec.

mod resolved;
pub mod types;
pub use resolved::*;
