//! AS: auto scaling of services.

use super::Group;

const NO_KIND: &str = "there are no kinds for scalable targets, scaling policies and scheduled actions yet";

pub(super) static GROUP: Group = Group {
    title: "Auto scaling of services",
    rules: &[],
    left_out: &[
        ("AS-01", NO_KIND),
        ("AS-02", NO_KIND),
        ("AS-03", NO_KIND),
        ("AS-04", NO_KIND),
        ("AS-05", NO_KIND),
        ("AS-06", NO_KIND),
        ("AS-07", NO_KIND),
        ("AS-08", NO_KIND),
        ("AS-09", NO_KIND),
    ],
};
