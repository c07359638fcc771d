//! What a panic says.

use std::panic::PanicHookInfo;

/// From now on a panic says where it happened. What it says itself is not shown, because the text that a slice went
/// wrong in may be an activation code or a variable's value; neither is it needed to find the place.
pub fn panics_tell_their_place() {
    std::panic::set_hook(Box::new(|panic| super::talk(&told(panic))));
}

fn told(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    format!(
        "error: farpost {} has a bug{place}\n  help: nothing is lost: what AWS was asked for is there, and the same \
         command again looks and goes on. Please report the line above\n",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::told;

    #[test]
    fn a_panic_tells_its_place_and_no_secret() {
        let (secret, said) = ("canary-é-4711", Arc::new(Mutex::new(String::new())));
        let into = Arc::clone(&said);
        let thread = std::thread::Builder::new().name("a_panic".to_owned());
        let before = Arc::new(std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
            Some("a_panic") => into.lock().unwrap().push_str(&told(panic)),
            _ => before(panic),
        }));
        let cut = std::hint::black_box(8);
        let ended = thread.spawn(move || secret[..cut].len()).unwrap().join();
        let payload = ended.unwrap_err();
        let payload = payload.downcast_ref::<String>().unwrap();
        assert!(payload.contains(secret), "{payload}");
        let said = said.lock().unwrap();
        assert!(said.contains("src/cli/bug.rs:") && !said.contains("canary"), "{said}");
    }
}
