//! LEX, REF, NAM, TAG: references, names and tags.

mod lexical;
mod linking;
mod names;
mod ports;
mod tags;

pub(crate) use self::tags::{defect as tag_defect, too_many as too_many_tags};
use super::{Check, Declared, Group, Hits, Node, Rule};

pub(super) static GROUP: Group = Group {
    title: "References, names and tags",
    rules: &[lexical::RULES, linking::RULES, names::RULES, ports::RULES, tags::RULES],
    left_out: &[
        ("NAM-02", "no kind CapacityProvider yet; FARGATE and FARGATE_SPOT are the names that clusters may list"),
        ("NAM-04", "no kinds LoadBalancer and TargetGroup yet"),
        (
            "TAG-03",
            "every kind takes tags: what AWS cannot tag, as routes and attachments, are fields, which have none",
        ),
        ("TAG-06", "needs what only AWS knows: the account's settings for long ARNs (phase 1)"),
    ],
};
