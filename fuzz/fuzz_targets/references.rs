#![no_main]

#[path = "../targets/common.rs"]
#[allow(dead_code, reason = "each binary runs one target")]
mod common;

libfuzzer_sys::fuzz_target!(|data: &[u8]| common::references(data));
