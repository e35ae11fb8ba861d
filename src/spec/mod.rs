//! YAML → Spec.

pub mod types;
