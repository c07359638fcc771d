//! VOL, EFS: volumes.

mod definitions;
mod ebs;
mod efs;
mod sources;

use super::Group;

pub(super) static GROUP: Group = Group {
    title: "Volumes",
    rules: &[definitions::RULES, ebs::RULES, sources::RULES, efs::RULES],
    left_out: &[
        ("EFS-06", "no kinds FileSystem and MountTarget yet"),
        ("EFS-07", "no kind MountTarget yet"),
        ("EFS-08", "no kind MountTarget yet"),
        ("EFS-09", "no kinds FileSystem and MountTarget yet"),
        ("EFS-10", "no kind FileSystem yet"),
        ("EFS-11", "needs what only AWS knows: the version of the agent on the instances"),
    ],
};

#[cfg(test)]
mod tests;
