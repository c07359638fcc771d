//! LB, SD: load balancing and service discovery.

use super::Group;

pub(super) static GROUP: Group = Group { title: "Load balancing and service discovery", rules: &[], left_out: &[] };
