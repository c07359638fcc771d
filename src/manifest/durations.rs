//! Durations as people write them: `90s`, `45m`, `1h30m`.

use std::time::Duration;

/// The longest that may be written: a week.
const LONGEST: u64 = 7 * 24 * 3600;

/// The units in the order in which they are written, with their seconds.
const UNITS: [(char, u64); 3] = [('h', 3600), ('m', 60), ('s', 1)];

/// The duration that a text means.
///
/// # Errors
/// It means none; the message says why, after the quoted text.
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "is not a duration";
    let (mut seconds, mut number, mut units) = (0_u64, None::<u64>, UNITS.iter());
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(digit)));
            continue;
        }
        // Each unit once, the larger ones first.
        let unit = units.find(|(name, _)| *name == letter);
        let (Some((_, unit)), Some(number)) = (unit, number.take()) else { return Err(FORM) };
        seconds = seconds.saturating_add(number.saturating_mul(*unit));
    }
    match seconds {
        _ if number.is_some() => Err("has no unit"),
        0 if text.is_empty() => Err(FORM),
        0 => Err("is no time at all"),
        seconds if seconds > LONGEST => Err("is more than a week"),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

/// A duration in words: `20 minutes`, `1 h 30 min`.
pub fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, rest) {
        (0, 1, 0) => "1 minute".to_owned(),
        (0, 0, 1) => "1 second".to_owned(),
        (1, 0, 0) => "1 hour".to_owned(),
        (0, minutes, 0) => format!("{minutes} minutes"),
        (0, 0, seconds) => format!("{seconds} seconds"),
        (hours, 0, 0) => format!("{hours} hours"),
        _ => {
            let parts = [(hours, "h"), (minutes, "min"), (rest, "s")];
            let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}"));
            parts.collect::<Vec<_>>().join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        let seconds = |text| parse(text).map(|duration| duration.as_secs());
        assert_eq!(["90s", "45m", "1h30m", "2h", "1h5s"].map(seconds), [90, 2700, 5400, 7200, 3605].map(Ok));
        assert_eq!(seconds("45"), Err("has no unit"));
        assert_eq!(["", "45 m", "m", "5m1h", "1d", "-5m"].map(seconds), [Err("is not a duration"); 6]);
        assert_eq!((seconds("0s"), seconds("169h")), (Err("is no time at all"), Err("is more than a week")));
        assert_eq!(seconds("99999999999999999999h"), Err("is more than a week"));
    }

    #[test]
    fn what_people_read() {
        let of = |seconds| words(Duration::from_secs(seconds));
        assert_eq!(
            [1, 30, 60, 1200, 3600, 5400, 7265].map(of),
            ["1 second", "30 seconds", "1 minute", "20 minutes", "1 hour", "1 h 30 min", "2 h 1 min 5 s"]
        );
    }
}
