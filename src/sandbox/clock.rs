//! What time it is in a sandbox.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;

/// The clock of a sandbox: the wall's, or one that goes with tokio's time, which tests can pause.
///
/// Clones are one clock.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<Mutex<Virtual>>>);

#[derive(Debug)]
struct Virtual {
    time: Timestamp,
    /// When it was that time.
    read: Instant,
}

impl Clock {
    /// The time that it is.
    pub fn wall() -> Self {
        Self(None)
    }

    /// It is `time` now, and goes on as tokio's time does.
    pub fn starting_at(time: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(Virtual { time, read: Instant::now() }))))
    }

    pub fn now(&self) -> Timestamp {
        let Some(clock) = &self.0 else { return Timestamp::now() };
        let mut clock = clock.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // The paused time of another runtime may be behind; then none has passed.
        let passed = now.saturating_duration_since(clock.read);
        clock.time = clock.time.checked_add(passed).unwrap_or(clock.time);
        clock.read = now;
        clock.time
    }

    /// No time has passed since it was last read. Each runtime counts its paused time from when it was built, so one
    /// that takes over from another says this first, or the real time between the two would count.
    pub fn take_over(&self) {
        if let Some(clock) = &self.0 {
            clock.lock().unwrap_or_else(PoisonError::into_inner).read = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
    }

    #[test]
    fn it_goes_with_paused_time_from_one_runtime_to_the_next() {
        let start: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let clock = runtime().block_on(async {
            let clock = Clock::starting_at(start);
            tokio::time::sleep(Duration::from_secs(3600)).await;
            assert_eq!(clock.now(), start + Duration::from_secs(3600));
            clock
        });
        std::thread::sleep(Duration::from_millis(5));
        runtime().block_on(async {
            clock.take_over();
            assert_eq!(clock.clone().now(), start + Duration::from_secs(3600));
            tokio::time::sleep(Duration::from_millis(250)).await;
            assert_eq!(clock.now(), start + Duration::from_millis(3_600_250));
        });
    }
}
