//! What the tests share.

pub mod python;
