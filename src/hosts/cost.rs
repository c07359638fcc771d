//! What declared hosts cost: AWS charges for each hour in which a host is registered.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Declarations, HOST_KIND};
use crate::address::Address;

/// USD for an external instance and hour.
pub const PRICE: f64 = 0.01025;
/// Where that is from, and of when.
pub const PRICE_SOURCE: &str = "https://aws.amazon.com/ecs/anywhere/pricing/";
pub const PRICE_DATE: &str = "2026-11-22";
/// Hours of an average month.
pub const HOURS: f64 = 730.0;

/// What the hosts of a stack cost.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    pub stack: String,
    pub hosts: Vec<Address>,
    /// USD for a host and hour.
    pub hourly_price: f64,
    pub price_from: PriceFrom,
    pub hours: f64,
    /// USD for one host.
    pub each: f64,
    /// USD for all.
    pub total: f64,
}

/// Who says what an hour costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PriceFrom {
    /// `--price`
    CommandLine,
    /// `externalInstanceHourlyPrice` of the Stack document
    Stack,
    /// What AWS listed when farpost was written
    Default,
}

/// The cost of every declared host for some hours.
pub fn cost(stack: &Declarations, price: Option<f64>, hours: f64) -> Cost {
    let (hourly_price, price_from) = match (price, stack.hourly_price) {
        (Some(price), _) => (price, PriceFrom::CommandLine),
        (None, Some(price)) => (price, PriceFrom::Stack),
        (None, None) => (PRICE, PriceFrom::Default),
    };
    let hosts: Vec<Address> = stack.of_kind(HOST_KIND).map(|(address, _)| address.clone()).collect();
    #[expect(clippy::cast_precision_loss, reason = "there are not that many hosts")]
    let count = hosts.len() as f64;
    let each = cents(hourly_price * hours);
    let total = cents(count * hourly_price * hours);
    Cost { stack: stack.place.stack.clone(), hosts, hourly_price, price_from, hours, each, total }
}

fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

impl Cost {
    pub fn text(&self) -> String {
        let Self { stack, hosts, hourly_price, price_from, hours, each, total } = self;
        let mut out = String::new();
        for host in hosts {
            out.push_str(&format!("{host}  USD {each:.2}\n"));
        }
        let from = match price_from {
            PriceFrom::CommandLine => "--price".to_owned(),
            PriceFrom::Stack => "the Stack document".to_owned(),
            PriceFrom::Default => format!("AWS's list price of {PRICE_DATE}, {PRICE_SOURCE}"),
        };
        let count = crate::report::count(hosts.len(), "host");
        out.push_str(&format!("{stack}: {count} × {hours} hours × USD {hourly_price} = USD {total:.2}\n"));
        out.push_str(&format!("The price is from {from}. A host is charged while it is registered.\n"));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::trial::stack;

    #[test]
    fn hosts_times_hours_times_price() {
        let mut declarations = stack(&[("ExternalInstance/a", "{}"), ("ExternalInstance/b", "{}"), ("Vpc/c", "{}")]);
        let month = cost(&declarations, None, HOURS);
        assert_eq!((month.hosts.len(), month.each, month.total), (2, 7.48, 14.97));
        assert!(month.text().contains("2 hosts × 730 hours × USD 0.01025 = USD 14.97\n"), "{}", month.text());
        declarations.hourly_price = Some(0.009);
        assert_eq!(cost(&declarations, None, 1000.0).total, 18.0);
        let asked = cost(&declarations, Some(1.0), 1.0);
        assert_eq!((asked.total, asked.price_from), (2.0, PriceFrom::CommandLine));
        let none = cost(&stack(&[]), None, HOURS);
        assert_eq!((none.total, none.each), (0.0, 7.48));
    }
}
