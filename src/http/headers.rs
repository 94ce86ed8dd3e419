//! What every answer carries, whichever route gave it.

use rocket::{
    Request, Response,
    fairing::{Fairing, Info, Kind},
};

use super::{
    origins::{Origins, Side},
    quota,
};

/// Switched off: everything that a page of ours never asks a browser for.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), \
    gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()";
/// How long a browser insists on TLS: a year.
const TRANSPORT: &str = "max-age=31536000";

/// Sets the headers that keep browsers to what pages need.
pub struct Headers {
    room_policy: String,
    content_policy: String,
    encrypted: bool,
}

impl Headers {
    /// The headers of a room with these origins.
    pub fn new(origins: &Origins) -> Self {
        let (room, content) = (&origins.room, &origins.content);
        Self {
            room_policy: format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; \
                 img-src 'self' {content}; media-src {content}; frame-src {content}; \
                 connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
            ),
            content_policy: format!(
                "sandbox; default-src 'none'; form-action 'none'; \
                 frame-ancestors {room}; base-uri 'none'"
            ),
            encrypted: origins.encrypted(),
        }
    }
}

#[rocket::async_trait]
impl Fairing for Headers {
    fn info(&self) -> Info {
        Info {
            name: "headers",
            kind: Kind::Response,
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let of_room = Side::of(request) == Side::Room;
        let policy = if of_room {
            &self.room_policy
        } else {
            &self.content_policy
        };
        response.set_raw_header("Content-Security-Policy", policy.clone());
        response.set_raw_header("X-Content-Type-Options", "nosniff");
        response.set_raw_header("Referrer-Policy", "no-referrer");
        response.set_raw_header("Permissions-Policy", PERMISSIONS);
        response.set_raw_header("Cross-Origin-Opener-Policy", "same-origin");
        let shared = !of_room || response.headers().contains("Access-Control-Allow-Origin");
        response.set_raw_header(
            "Cross-Origin-Resource-Policy",
            if shared {
                "cross-origin"
            } else {
                "same-origin"
            },
        );
        if of_room {
            response.set_raw_header("X-Frame-Options", "DENY");
        }
        if self.encrypted {
            response.set_raw_header("Strict-Transport-Security", TRANSPORT);
        }
        quota::tell(request, response);
        // Private unless a route says otherwise.
        if !response.headers().contains("Cache-Control") {
            response.set_raw_header("Cache-Control", "no-store");
        }
    }
}
