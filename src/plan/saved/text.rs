//! A saved plan as the text of a file, and back.

use super::{SAVED_VERSION, SavedPlan};
use crate::digest;

/// What stands for the digest while the digest is made.
pub(super) const NO_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The largest file that is read, in bytes: some 50,000 objects.
pub const LARGEST: u64 = 256 * 1024 * 1024;
/// Where in a file its head is.
const HEAD: usize = 4096;

/// Why a file that is a saved plan cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it is a plan in format {found}, and this farpost ({}) knows format {SAVED_VERSION}", env!("CARGO_PKG_VERSION"))]
    Format { found: String },
    #[error("it is cut short or garbled: {0}")]
    Garbled(String),
    #[error("it was changed after it was written: its digest does not fit its text")]
    Changed,
    #[error("it contradicts itself: {0}")]
    Contradictory(String),
}

impl Unreadable {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Format { .. } => "plan again with this farpost, or apply it with the one that made it",
            Self::Garbled(_) | Self::Changed | Self::Contradictory(_) => {
                "plan again: farpost plan PATH --out FILE; a saved plan is copied byte for byte, and not edited"
            }
        }
    }
}

/// Whether a file that begins like this is a saved plan, in whatever format and state.
pub fn is_saved(head: &[u8]) -> bool {
    first_member(head) == Some(b"farpostPlan")
}

/// Whether it is what `farpost plan -o json` prints.
pub fn is_output(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD)];
    let has = |what: &[u8]| head.windows(what.len()).any(|window| window == what);
    first_member(head) == Some(b"formatVersion") && has(b"\"place\"") && has(b"\"changes\"")
}

/// The name of the first member of a JSON object.
fn first_member(head: &[u8]) -> Option<&[u8]> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let name = head.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = name.iter().position(|letter| *letter == b'"')?;
    Some(&name[..end])
}

impl SavedPlan {
    /// The text of the file, with the digest of it.
    pub fn to_text(&self) -> String {
        let blank = Self { digest: NO_DIGEST.to_owned(), ..self.clone() };
        let text = serde_json::to_string_pretty(&blank).unwrap_or_default() + "\n";
        text.replacen(NO_DIGEST, &digest::hex(&text), 1)
    }

    /// Reads the text of a file that [`is_saved`].
    ///
    /// # Errors
    /// It is of another version, cut short, changed, or no plan that can be carried out.
    pub fn from_text(bytes: &[u8]) -> Result<Self, Unreadable> {
        let garbled = |error: &dyn std::fmt::Display| Unreadable::Garbled(error.to_string());
        let text = std::str::from_utf8(bytes).map_err(|error| garbled(&error))?;
        // The version first: the rest may be anything in another one, and how it is written, too.
        let found = version(text).ok_or_else(|| Unreadable::Garbled("no version in it can be read".to_owned()))?;
        if found != SAVED_VERSION.to_string() {
            return Err(Unreadable::Format { found });
        }
        let plan: Self = match serde_json::from_str(text) {
            Ok(plan) => plan,
            Err(error) if error.is_data() => return Err(Unreadable::Contradictory(error.to_string())),
            Err(error) => return Err(garbled(&error)),
        };
        let is_digest = plan.digest.len() == NO_DIGEST.len();
        if !is_digest || digest::hex(&text.replacen(&plan.digest, NO_DIGEST, 1)) != plan.digest {
            return Err(Unreadable::Changed);
        }
        plan.checked()
    }

    /// What a plan must hold for applying it to be possible at all.
    fn checked(self) -> Result<Self, Unreadable> {
        let wrong = |what: &str| Err(Unreadable::Contradictory(what.to_owned()));
        let plan = &self.plan;
        if plan.format_version != super::super::FORMAT_VERSION {
            return Err(Unreadable::Format { found: format!("{}.{}", self.farpost_plan, plan.format_version) });
        }
        if !plan.refusals.is_empty() {
            return wrong("it was refused when it was made");
        }
        let (changes, steps) = (plan.changes.len(), plan.steps.len());
        if plan.steps.iter().any(|step| step.change >= changes || step.after.iter().any(|before| *before >= steps)) {
            return wrong("a step has no change");
        }
        if plan.steps.iter().any(|step| plan.changes[step.change].address != step.address) {
            return wrong("a step is of another object than its change");
        }
        let touched = super::moved::touched(plan);
        let is_listed = |(one, touch): (&&crate::plan::Change, &super::Touch)| {
            touch.address == one.address
                && touch.action == one.action
                && touch.fingerprint.is_some() == one.live.is_some()
                && touch.id.is_some() == super::moved::is_left_over(one)
        };
        if touched.len() != self.touches.len() || !touched.iter().zip(&self.touches).all(is_listed) {
            return wrong("it would touch other objects than it says");
        }
        if self.id.is_empty() || !self.id.chars().all(|letter| letter.is_ascii_hexdigit()) {
            return wrong("its id is none");
        }
        if self.complete && crate::manifest::digest(&self.declarations) != self.manifests {
            return wrong("its digest of the manifests does not fit what it declares");
        }
        Ok(self)
    }
}

/// The value of the first member, as it is written.
fn version(text: &str) -> Option<String> {
    let rest = text.trim_start_matches('\u{feff}').split_once("\"farpostPlan\"")?.1.trim_start().strip_prefix(':')?;
    let value = rest.trim_start().split([',', '}', '\n', ' ']).next()?;
    (!value.is_empty()).then(|| value.chars().take(20).collect())
}
