//! A room of its own for each test, and people who use it.

pub mod authority;
pub mod bench;
pub mod certificate;
pub mod clock;
pub mod entries;
pub mod hooks;
pub mod letters;
pub mod others;
pub mod ports;
pub mod raw;
pub mod reference;
pub mod user;
pub mod witness;

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use custos::{
    app::{
        Room,
        auditing::{self, Pace},
        found::{FirstAdministrator, found},
        notices::Outlets,
        open::{Places, open_telling},
        people,
    },
    db::scratch,
    http::{
        Edge,
        front::{Front, FrontError, Stopper, limits::Limits, tls::Tls},
        origins::Origins,
    },
    jobs,
    peers::witnesses::Witness,
    store::Store,
};
use reqwest::{Client, Method, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub use clock::Clock;
pub use others::Others;
pub use ports::free_port;
pub use user::User;

/// Fifteen characters and more, as policy asks for.
pub const WHY: &str = "to compare it with what the witness said";
/// Headers that say when an answer was given, and how many were before.
pub const MOVES: &[&str] = &["date", "ratelimit"];
/// The origin of the log of a room of which nothing else is asked.
const ORIGIN: &str = "localhost/log";
/// The host names of the two origins.
pub const ROOM_HOST: &str = "localhost";
pub const CONTENT_HOST: &str = "content.localhost";

/// Where a test's register lies.
enum Register {
    /// In a file, or on the server that all tests are told of.
    Any,
    /// In a file, because the test is about that.
    File,
}

/// A room on a temporary folder, answering on a port of its own.
pub struct TestApp {
    pub room: Room,
    pub port: u16,
    pub admin: User,
    client: Client,
    pub folder: TempDir,
    /// Exhibit references that were given by [`TestApp::deposit`].
    references: AtomicU64,
    /// Where the web framework listens behind the front.
    pub behind: SocketAddr,
    pub stopper: Stopper,
    /// Ends when the room has stopped.
    pub served: JoinHandle<Result<(), FrontError>>,
    /// Certificate and key, where the room speaks TLS.
    pub tls: Option<Arc<Tls>>,
    /// The room's own, which can be put on.
    pub clock: Clock,
}

impl TestApp {
    /// Founds, opens and serves a room; its administrator is signed in.
    pub async fn start() -> Self {
        Self::start_on(free_port()).await
    }

    pub async fn start_on(port: u16) -> Self {
        Self::start_at(edge(port)).await
    }

    /// The same with limits and proxies of its own.
    pub async fn start_at(edge: Edge) -> Self {
        Self::start_whole(edge, Outlets::default(), ORIGIN, Others::default()).await
    }

    /// The same for a room whose log has this origin, with these witnesses; none is asked yet.
    pub async fn start_witnessed(origin: &str, witnesses: Vec<Witness>) -> Self {
        let edge = edge(free_port());
        let others = Others::witnesses(witnesses);
        Self::start_whole(edge, Outlets::default(), origin, others).await
    }

    /// The same for a room that tells by mail and to endpoints; no job sends anything yet.
    pub async fn start_telling(outlets: Outlets) -> Self {
        Self::start_among(outlets, Others::default()).await
    }

    /// The same among others who confirm its log and say when it was.
    pub async fn start_among(outlets: Outlets, others: Others) -> Self {
        let edge = edge(free_port());
        let room = format!("http://{ROOM_HOST}:{}", edge.port);
        let outlets = Outlets { room, ..outlets };
        Self::start_whole(edge, outlets, ORIGIN, others).await
    }

    async fn start_whole(edge: Edge, outlets: Outlets, origin: &str, others: Others) -> Self {
        Self::start_with(Register::Any, edge, outlets, origin, others).await
    }

    /// The same with its register in a file, whatever others have.
    pub async fn start_in_file() -> Self {
        Self::start_in_file_witnessed(ORIGIN, Vec::new()).await
    }

    /// The same for a room whose log has this origin, with these witnesses; none is asked yet.
    pub async fn start_in_file_witnessed(origin: &str, witnesses: Vec<Witness>) -> Self {
        let edge = edge(free_port());
        let others = Others::witnesses(witnesses);
        Self::start_with(Register::File, edge, Outlets::default(), origin, others).await
    }

    async fn start_with(
        register: Register,
        edge: Edge,
        outlets: Outlets,
        origin: &str,
        others: Others,
    ) -> Self {
        let port = edge.port;
        // Another test may have done it; one provider is enough.
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = match register {
            Register::Any => scratch::register(folder.path()),
            Register::File => folder.path().join("register.db").into(),
        };
        let places = Places {
            keys: folder.path().join("keys"),
            database,
        };
        let first = FirstAdministrator {
            name: "Ana Ilić".into(),
            login: "ana".into(),
        };
        let clock = Clock::default();
        let ambient = clock.ambient();
        found((&places.keys, &places.database), origin, &first, &ambient)
            .expect("a room is founded");
        let store = Store::local(&folder.path().join("store")).expect("a store");
        let room = open_telling(&places, store, ambient, outlets).await;
        let room = room.expect("the room opens");
        let room = room
            .witnessed_by(others.witnesses)
            .stamped_by(others.authorities);
        let publishing = room.clone();
        tokio::spawn(async move { jobs::publish::run(&publishing).await });
        let front = Front::open(room.clone(), &edge).await.expect("it listens");
        let (behind, stopper, tls) = (front.behind(), front.stopper(), front.tls());
        let served = tokio::spawn(front.run());
        // None is used again that the front may be closing, which it does after 60 s.
        let mut client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .pool_idle_timeout(Duration::from_secs(20));
        if let Some(files) = &edge.tls {
            let own = std::fs::read(&files.certificate).expect("a certificate");
            let own = reqwest::Certificate::from_pem(&own).expect("a certificate");
            client = client.tls_certs_only([own]);
        }
        let client = client.build().expect("a client");
        let link = people::first_enrolment(&room, "ana", Duration::from_secs(900))
            .await
            .expect("a link");
        let secret = link.output.text().to_string();
        let mut app = Self {
            room,
            port,
            admin: User::nobody(),
            client,
            folder,
            references: AtomicU64::new(0),
            behind,
            stopper,
            served,
            tls,
            clock,
        };
        app.answers().await;
        app.admin = app.enrol(&secret).await;
        app
    }

    async fn answers(&self) {
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the room does not answer");
    }

    /// A request to the room's origin.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_at(ROOM_HOST, method, path)
    }

    /// A request to a host name.
    pub fn request_at(&self, host: &str, method: Method, path: &str) -> RequestBuilder {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let address = format!("{scheme}://127.0.0.1:{}{path}", self.port);
        let host = format!("{host}:{}", self.port);
        self.client.request(method, address).header("Host", host)
    }

    /// An address on the content origin, as a page names it, asked for without any cookie.
    pub fn content(&self, address: &str) -> RequestBuilder {
        let origin = format!("http://{CONTENT_HOST}:{}", self.port);
        let path = address
            .strip_prefix(&origin)
            .expect("on the content origin");
        self.request_at(CONTENT_HOST, Method::GET, path)
    }

    /// A page.
    pub async fn get(&self, user: &User, path: &str) -> Response {
        user.on(self.request(Method::GET, path))
            .send()
            .await
            .expect("an answer")
    }

    /// A form.
    pub async fn post(&self, user: &User, path: &str, fields: &[(&str, &str)]) -> Response {
        let csrf = (!user.csrf.is_empty()).then_some(("csrf", user.csrf.as_str()));
        let body = form(fields.iter().copied().chain(csrf));
        user.on(self.request(Method::POST, path))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Sec-Fetch-Site", "same-origin")
            .body(body)
            .send()
            .await
            .expect("an answer")
    }

    /// A request to the API with the user's session. What it answers must be documented.
    /// A change that says what it is made upon is made upon anything.
    pub async fn api(
        &self,
        user: &User,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Response {
        let conditional = reference::is_conditional(method.as_str(), path);
        let headers = if conditional {
            &[("If-Match", "*")][..]
        } else {
            &[]
        };
        self.api_with(user, method, path, body, headers).await
    }

    /// The same with these headers and no other.
    pub async fn api_with(
        &self,
        user: &User,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Response {
        let path = format!("/api/v1{path}");
        let request = user
            .on(self.request(method.clone(), &path))
            .header("X-Custos-CSRF", &user.csrf);
        let request = match body {
            Some(body) => request
                .header("Content-Type", "application/json")
                .body(body.to_string()),
            None => request,
        };
        let with =
            |request: RequestBuilder, header: &(&str, &str)| request.header(header.0, header.1);
        let request = headers.iter().fold(request, with);
        let answer = request.send().await.expect("an answer");
        reference::held(method.as_str(), &path, answer).await
    }

    /// A request to the API that must succeed.
    pub async fn ask(&self, user: &User, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.api(user, method, path, body).await;
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Uses a single-use link up, with a password.
    pub async fn enrol(&self, secret: &str) -> User {
        let password = "several plain words";
        let fields = [
            ("secret", secret),
            ("password", password),
            ("again", password),
        ];
        let answer = self
            .post(&User::nobody(), "/enter/password", &fields[..])
            .await;
        User::of(self, answer).await
    }

    /// Has the room audit itself once; the round's id.
    pub async fn audit(&self) -> String {
        let (room, data) = (self.room.clone(), self.folder.path().to_owned());
        let pace = Pace {
            every: Duration::from_secs(3_600),
            bytes_per_second: NonZeroU32::MAX,
        };
        let work = move || auditing::round(&room, &data, pace);
        let done = tokio::task::spawn_blocking(work).await.expect("no panic");
        done.expect("a round goes to its end");
        let list = self.ask(&self.admin, Method::GET, "/audits", None).await;
        let newest = list["items"][0]["id"].as_str();
        newest.expect("a round").into()
    }

    /// Signs in somebody who has enrolled, and whose person is known.
    pub async fn sign_in(&self, login: &str, person: &str) -> User {
        let fields = [("login", login), ("password", "several plain words")];
        let answer = self.post(&User::nobody(), "/sign-in", &fields).await;
        User {
            person: person.into(),
            ..User::of(self, answer).await
        }
    }

    /// Creates a person with these roles in the room, who then enrols.
    pub async fn person(&self, login: &str, room_roles: &[&str]) -> User {
        self.person_by(&self.admin, login, room_roles).await
    }

    /// The same by another administrator, or another session of theirs.
    pub async fn person_by(&self, admin: &User, login: &str, room_roles: &[&str]) -> User {
        let new =
            json!({"name": format!("Person {login}"), "login": login, "room_roles": room_roles});
        let made = self.ask(admin, Method::POST, "/people", Some(new)).await;
        let account = made["account"].as_str().expect("an account");
        let path = format!("/accounts/{account}/enrolments");
        let link = self.ask(admin, Method::POST, &path, None).await;
        let mut user = self.enrol(link["secret"].as_str().expect("a secret")).await;
        user.person = made["person"].as_str().expect("a person").into();
        user
    }

    /// A case with these people on it, opened by a custodian.
    pub async fn case(&self, custodian: &User, people: &[(&User, &str)]) -> String {
        let new = json!({"number": "26/0417", "title": "Harbour"});
        let case = self.ask(custodian, Method::POST, "/cases", Some(new)).await;
        let case = case["id"].as_str().expect("an id").to_owned();
        for (user, role) in people {
            let member = json!({"person": user.person, "role": role, "party": null});
            let path = format!("/cases/{case}/people");
            self.ask(custodian, Method::POST, &path, Some(member)).await;
        }
        case
    }

    /// Deposits bytes through the API.
    pub async fn deposit(&self, user: &User, case: &str, bytes: &[u8]) -> Value {
        let new = json!({"reference": self.reference(), "description": "a recording"});
        self.deposit_told(user, case, new, bytes).await
    }

    /// An exhibit reference that was not given yet: `JS/1` first.
    pub fn reference(&self) -> String {
        format!("JS/{}", self.references.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Deposits bytes through the API, of which this is told.
    pub async fn deposit_told(&self, user: &User, case: &str, new: Value, bytes: &[u8]) -> Value {
        let path = format!("/cases/{case}/items");
        let upload = self.ask(user, Method::POST, &path, Some(new)).await;
        let address = upload["content"].as_str().expect("an address");
        let answer = user
            .on(self.request(Method::PUT, address))
            .header("X-Custos-CSRF", &user.csrf)
            .header("Content-Length", bytes.len())
            .body(bytes.to_vec())
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 201);
        serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
    }

    /// Opens a view on a page, and gives the address of its content.
    pub async fn view(&self, user: &User, item: &str, how: &str) -> String {
        self.view_if_shown(user, item, how)
            .await
            .expect("an address on the content origin")
    }

    /// The same, if content of its type is shown in place.
    pub async fn view_if_shown(&self, user: &User, item: &str, how: &str) -> Option<String> {
        let fields = [("purpose", "investigation"), ("why", WHY), ("how", how)];
        let answer = self
            .post(user, &format!("/items/{item}/views"), &fields)
            .await;
        assert_eq!(answer.status(), 303);
        let page = self
            .get(user, &location(&answer))
            .await
            .text()
            .await
            .expect("a page");
        let origin = format!("http://{CONTENT_HOST}:{}/v/", self.port);
        let start = page.find(&origin)?;
        page[start..].split('"').next().map(String::from)
    }
}

/// Where a redirect leads.
pub fn location(answer: &Response) -> String {
    let location = answer.headers().get("location").expect("a redirect");
    location.to_str().expect("plain text").into()
}

/// Fields as a browser sends them.
pub fn form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let encoded = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric();
        text.bytes()
            .map(|byte| {
                if plain(byte) {
                    char::from(byte).into()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect()
    };
    let fields = fields
        .into_iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    fields.collect::<Vec<_>>().join("&")
}

/// Where a test's room answers.
pub fn edge(port: u16) -> Edge {
    let origin = |host: &str| format!("http://{host}:{port}");
    Edge {
        address: "127.0.0.1".parse().expect("an address"),
        port,
        origins: Origins::new(&origin(ROOM_HOST), &origin(CONTENT_HOST)).expect("two origins"),
        proxy_header: None,
        limits: Limits::default(),
        tls: None,
    }
}
