//! TODO: the sandbox on a loopback port.
