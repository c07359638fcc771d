//! What the tests share.

pub(crate) mod command;
pub(crate) mod engine;
pub(crate) mod python;
pub(crate) mod s3;
pub(crate) mod served;
