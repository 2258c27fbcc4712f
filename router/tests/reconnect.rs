//! Components written with the client crate, and a router that is killed and started again.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness fails the test that uses it")]

use std::future::IntoFuture as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use trunkline_client::{
    Args, Builder, Client, ConnectError, Credential, Ended, Error, Reconnect, Reply, State, TransportError,
};

/// How long a test waits for what has to come. Only a failure ever waits so long.
const DEADLINE: Duration = Duration::from_secs(20);

/// Loopback, but not the address that connections to it come from: a client that tries again and again while nobody
/// listens can never be connected to itself, and nobody else takes the port.
const HOST: &str = "127.0.7.1";

async fn within_deadline<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("in vain: {what}"),
    }
}

/// A place for a router that comes and goes.
struct Place {
    directory: PathBuf,
    address: String,
}

impl Place {
    fn new(name: &str, address: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("reconnect-{name}"));
        std::fs::remove_dir_all(&directory).ok();
        std::fs::create_dir_all(&directory).unwrap();
        let address = address.replace("DIRECTORY", directory.to_str().unwrap());
        Self { directory, address }
    }

    /// Starts a router here, and waits until it listens.
    fn start(&mut self) -> Router {
        let configuration = self.directory.join("trunkline.toml");
        let text = CONFIGURATION.replace("ADDRESS", &self.address);
        std::fs::write(&configuration, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        let mut process = command
            .args(["start", "--config"])
            .arg(configuration)
            .env("RUST_LOG", "off")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut router = Router { process, address: String::new() };
        for line in lines.map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("Address ") {
                router.address = address.trim().to_owned();
                // The same one the next time.
                self.address.clone_from(&router.address);
            }
            if line.contains("stops the router") {
                return router;
            }
        }
        panic!("the router does not start");
    }
}

const CONFIGURATION: &str = r#"
[[listeners]]
addresses = ["ADDRESS"]
[[realms]]
name = "realm1"
[[realms.roles]]
name = "user"
[[realms.roles.permissions]]
uri = "com.example."
match = "prefix"
allow = ["call", "register", "publish", "subscribe"]
[[realms.principals]]
authid = "jane"
role = "user"
wampcra = [{ secret = "jane-secret" }]
"#;

struct Router {
    process: Child,
    address: String,
}

impl Router {
    /// As `kill -9`: no goodbye to anybody.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Jane, who has to prove each time who she is.
fn jane(url: &str) -> Builder {
    let reconnect =
        Reconnect::default().min_delay(Duration::from_millis(10)).max_delay(Duration::from_millis(100));
    Client::builder(url, "realm1")
        .authid("jane")
        .credential(Credential::wampcra("jane-secret"))
        .reconnect(reconnect)
}

async fn join(builder: Builder) -> Client {
    within_deadline("WELCOME", builder.connect()).await.unwrap()
}

/// The next state that is like that.
async fn state(states: &mut (impl Stream<Item = State> + Unpin), is_it: impl Fn(&State) -> bool) -> State {
    let mut states = states.filter(|state| std::future::ready(is_it(state)));
    within_deadline("a state", states.next()).await.expect("the client goes on")
}

async fn survives(name: &str, scheme: &str, path: &str, address: &str) {
    let mut place = Place::new(name, address);
    let router = place.start();
    let url = format!("{scheme}{}{path}", router.address.trim_start_matches("unix:"));
    let component = join(jane(&url)).await;
    let mut states = component.states();
    let State::Joined(first) = state(&mut states, |state| matches!(state, State::Joined(_))).await else {
        panic!("joined")
    };
    component.register("com.example.echo", async |Args(number): Args<u64>| Reply(number)).await.unwrap();
    let (began, mut begins) = mpsc::unbounded_channel();
    let never = move || {
        began.send(()).unwrap();
        std::future::pending::<Reply<()>>()
    };
    component.register("com.example.never", never).await.unwrap();
    let mut ticks = component.subscribe::<u64>("com.example.tick").await.unwrap();
    let (handled, mut handles) = mpsc::unbounded_channel();
    let handle = move |event: Result<trunkline_client::Event<u64>, _>| {
        handled.send(event.unwrap().args).unwrap();
        std::future::ready(())
    };
    component.subscribe::<u64>("com.example.tick").handle(handle).await.unwrap();

    let caller = join(jane(&url).reconnect(Reconnect::never())).await;
    assert_eq!(caller.call::<u64>("com.example.echo", 1).await, Ok(1));
    let call = tokio::spawn(caller.call::<()>("com.example.never", ()).into_future());
    within_deadline("INVOCATION", begins.recv()).await.unwrap();
    router.kill();
    assert_eq!(within_deadline("the end of the call", call).await.unwrap(), Err(Error::Disconnected));
    let ended = within_deadline("the end of the caller", caller.closed()).await;
    assert!(matches!(ended, Ended::Lost(_)), "{ended:?}");
    assert_eq!(caller.call::<u64>("com.example.echo", 1).await, Err(Error::Closed));

    state(&mut states, |state| matches!(state, State::Waiting { .. })).await;
    let waiting = tokio::spawn(component.call::<u64>("com.example.echo", 2).into_future());
    component.publish("com.example.tick", 1).exclude_me(false).await.unwrap();
    let _router = place.start();
    // What waited goes out behind what the session had before.
    assert_eq!(within_deadline("RESULT", waiting).await.unwrap(), Ok(2));
    let State::Joined(second) = state(&mut states, |state| matches!(state, State::Joined(_))).await else {
        panic!("joined")
    };
    assert_ne!(first.session, second.session);
    assert_eq!((second.authid.as_deref(), second.authmethod.as_deref()), (Some("jane"), Some("wampcra")));
    let caller = join(jane(&url)).await;
    assert_eq!(caller.call::<u64>("com.example.echo", 3).await, Ok(3));
    caller.publish("com.example.tick", 2).acknowledge().await.unwrap();
    for tick in [1, 2] {
        assert_eq!(within_deadline("EVENT", ticks.next()).await.unwrap().unwrap().args, tick);
        assert_eq!(within_deadline("EVENT", handles.recv()).await, Some(tick));
    }
    within_deadline("GOODBYE", component.leave()).await;
    assert!(matches!(component.closed().await, Ended::Left));
}

#[tokio::test]
async fn a_component_over_websocket_survives_its_router() {
    survives("websocket", "ws://", "/ws", &format!("{HOST}:0")).await;
}

#[tokio::test]
async fn a_component_over_rawsocket_survives_its_router() {
    survives("rawsocket", "rs://", "", &format!("{HOST}:0")).await;
}

#[tokio::test]
async fn a_component_over_a_unix_socket_survives_its_router() {
    survives("unix", "unix:", "", "unix:DIRECTORY/router.sock").await;
}

#[tokio::test]
async fn a_client_that_is_left_while_there_is_no_router_is_closed_at_once() {
    let mut place = Place::new("left", "unix:DIRECTORY/router.sock");
    let router = place.start();
    let client = join(jane(&router.address)).await;
    let mut states = client.states();
    router.kill();
    state(&mut states, |state| matches!(state, State::Waiting { .. })).await;
    let waiting = tokio::spawn(client.call::<u64>("com.example.echo", 2).into_future());
    let subscribing = tokio::spawn(client.subscribe::<u64>("com.example.tick").into_future());
    within_deadline("the end", client.leave()).await;
    assert_eq!(within_deadline("the end of the call", waiting).await.unwrap(), Err(Error::Closed));
    let subscription = within_deadline("the end of the subscriber", subscribing).await.unwrap();
    assert!(matches!(subscription, Err(Error::Closed)));
}

#[tokio::test]
async fn a_client_gives_up_after_as_many_attempts_as_it_was_told() {
    let mut place = Place::new("gives-up", "unix:DIRECTORY/router.sock");
    let router = place.start();
    let reconnect = Reconnect::default().min_delay(Duration::from_millis(1)).attempts(2);
    let client = join(jane(&router.address).reconnect(reconnect)).await;
    let mut states = client.states();
    router.kill();
    let State::Closed(ended) = state(&mut states, |state| matches!(state, State::Closed(_))).await else {
        panic!("closed")
    };
    let Ended::Refused(error) = ended else { panic!("{ended:?}") };
    assert!(matches!(error, ConnectError::Transport(TransportError::Connect { .. })), "{error:?}");
    assert!(states.next().await.is_none());
}

#[tokio::test]
async fn a_component_may_start_before_its_router() {
    let mut place = Place::new("early", "unix:DIRECTORY/router.sock");
    let url = place.address.clone();
    let error = within_deadline("an answer", jane(&url).connect()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Transport(TransportError::Connect { .. })), "{error:?}");
    let connecting = tokio::spawn(jane(&url).wait_for_router().connect());
    let _router = place.start();
    let client = within_deadline("WELCOME", connecting).await.unwrap().unwrap();
    within_deadline("GOODBYE", client.leave()).await;
    // A router that is there and says no is an answer.
    let stranger = Client::builder(&url, "realm1").authid("jane").credential(Credential::wampcra("another"));
    let error = within_deadline("ABORT", stranger.wait_for_router().connect()).await.unwrap_err();
    assert_eq!(error.reason(), Some("wamp.error.authentication_denied"), "{error:?}");
}
