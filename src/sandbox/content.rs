//! What is in a sandbox, as data: to look at all of it from outside, and to go on from there in another one.

use serde_json::Value;

use super::Sandbox;
use super::state::State;

impl Sandbox {
    /// Everything that exists, in the words of the sandbox's file.
    pub fn content(&self) -> Value {
        serde_json::to_value(&self.lock().0).unwrap_or_default()
    }

    /// Puts what [`Sandbox::content`] gave in place of everything that is here.
    ///
    /// # Errors
    /// It is not the content of a sandbox.
    pub fn set_content(&self, content: &Value) -> serde_json::Result<()> {
        let state: State = serde_json::from_value(content.clone())?;
        self.lock().0 = state;
        Ok(())
    }
}
