//! TD: task definitions, shape and sizes.

pub(crate) mod environment;
mod health;
mod limits;
mod network;
mod platform;
mod rights;
mod shape;
mod sizes;

pub(super) use self::network::{chain, check_name, linked, sources};
use super::Group;

pub(super) static GROUP: Group = Group {
    title: "Task definitions",
    rules: &[
        shape::RULES,
        sizes::RULES,
        environment::RULES,
        health::RULES,
        network::RULES,
        limits::RULES,
        rights::RULES,
        platform::RULES,
    ],
    left_out: &[],
};

#[cfg(test)]
mod tests;
