//! The command as a user runs it: what it says, what it ends with, what it leaves.

mod around;
mod bad_input;
mod diff;
mod lifecycle;
mod output;
mod trouble;
mod waiting;
mod walkthrough;
