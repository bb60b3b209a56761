//! The ledger as its server composes it, and its clients.

use std::path::Path;
use std::sync::Arc;

use dutyledger_api::App;
use dutyledger_application::{
    Answer, Bus, Edge, Home, MasterKey, Request, SystemEntropy, Target, Under,
};
use dutyledger_domain::streams::Authority;
use dutyledger_domain::streams::authority::{AmendAuthority, AuthorityCommand, RegisterAuthority};
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_domain::{Capacity, StreamKind};
use dutyledger_ledger::{Place, SystemClock, request_digest};
use dutyledger_projections::Projections;
use dutyledger_record::{Principal, PrincipalKind, PublicText, Stream, StreamId};
use dutyledger_test_nation::Random;
use dutyledger_test_postgres::APPLICATION;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Fallible;
use crate::load::Client;
use crate::rows::{Template, random, uuid};
use crate::store::Store;

/// Who gives the commands.
pub(crate) const OPERATOR: Principal = Principal {
    id: None,
    key_id: None,
    kind: PrincipalKind::Operator,
};
/// How many streams are warmed at once.
const WARMED_AT_ONCE: usize = 64;

/// The ledger over a database, served in this process.
pub(crate) struct Ours {
    bus: Bus,
    master: MasterKey,
    home: Home,
    followed: Option<Followed>,
}

/// The projections, and what ends their following.
struct Followed {
    projections: Projections,
    stop: watch::Sender<bool>,
    following: JoinHandle<Result<(), String>>,
}

/// A stream and its version; where several clients share it, no version is named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Warm {
    pub(crate) id: StreamId,
    version: Option<u64>,
}

/// The parts of a ledger in a database.
pub(crate) fn home(store: &Store) -> Fallible<Home> {
    home_at(&store.address(), store.folder())
}

/// The parts of a ledger at an address, with a folder for what is beside it.
pub(crate) fn home_at(address: &str, folder: &Path) -> Fallible<Home> {
    Ok(match Place::parse(address)? {
        Place::Postgres(url) => Home::on_server(url, folder),
        Place::Sqlite(path) => Home::beside(path),
    })
}

/// Migrates a ledger on a server, as `dutyledger migrate` does; the second time nothing is left to do.
async fn migrate(store: &Store) -> Fallible<()> {
    if let Place::Postgres(owners) = Place::parse(&store.owners_address())? {
        dutyledger_ledger::migrate(&owners, APPLICATION).await?;
        dutyledger_projections::migrate(owners.reveal(), APPLICATION).await?;
    }
    Ok(())
}

impl Ours {
    /// Opens the ledger in a database, making it where it is new, with the projections following as
    /// a server lets them.
    pub(crate) async fn open(store: &Store) -> Fallible<Self> {
        let mut ours = Self::open_alone(store).await?;
        ours.follow().await?;
        Ok(ours)
    }

    /// Opens the ledger alone.
    pub(crate) async fn open_alone(store: &Store) -> Fallible<Self> {
        migrate(store).await?;
        Self::at(home(store)?).await
    }

    /// Opens a ledger alone that was migrated.
    pub(crate) async fn at(home: Home) -> Fallible<Self> {
        let edge = Edge {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let (bus, master) = Bus::open(&home, LedgerMode::Sandbox, edge).await?;
        Ok(Self {
            bus,
            master,
            home,
            followed: None,
        })
    }

    /// Lets the projections follow.
    pub(crate) async fn follow(&mut self) -> Fallible<()> {
        let (projections, mut projector) =
            Projections::open(self.home.projections.clone(), self.bus.ledger()).await?;
        let (stop, mut stopped) = watch::channel(false);
        let tail = self.bus.ledger().tail();
        let following = tokio::spawn(async move {
            let end = async move {
                // The sender going away is the end as well.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            let ended = projector.run(tail, end).await;
            projector.close().await;
            ended.map_err(|error| error.to_string())
        });
        self.followed = Some(Followed {
            projections,
            stop,
            following,
        });
        Ok(())
    }

    /// What the server's handlers stand on.
    pub(crate) fn app(&self) -> Fallible<App> {
        let followed = self.followed.as_ref().ok_or("nothing follows")?;
        Ok(App::new(
            self.bus.clone(),
            followed.projections.clone(),
            &self.master,
        ))
    }

    /// Where its parts are.
    pub(crate) const fn home(&self) -> &Home {
        &self.home
    }

    /// The command bus.
    pub(crate) const fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The last position.
    pub(crate) fn head(&self) -> u64 {
        self.bus.ledger().head()
    }

    /// Registers authorities: streams at version 1.
    pub(crate) async fn warm(&self, count: usize) -> Fallible<Vec<Warm>> {
        let mut tasks = Vec::new();
        for task in 0..WARMED_AT_ONCE.min(count) {
            let bus = self.bus.clone();
            let share = (task..count).step_by(WARMED_AT_ONCE).len();
            tasks.push(tokio::spawn(async move {
                let mut streams = Vec::with_capacity(share);
                for _ in 0..share {
                    let request = Request::plain(OPERATOR, Target::New, registered()?);
                    let answer = bus.execute::<Authority>(request).await?;
                    streams.push(Warm {
                        id: answer.stream.id,
                        version: Some(answer.version),
                    });
                }
                Fallible::Ok(streams)
            }));
        }
        let mut streams = Vec::with_capacity(count);
        for task in tasks {
            streams.extend(task.await??);
        }
        Ok(streams)
    }

    /// Clients, each with its share of the streams.
    pub(crate) fn clients(&self, count: usize, streams: &[Warm]) -> Vec<OursClient> {
        (0..count)
            .map(|client| {
                let share = streams.iter().skip(client).step_by(count);
                OursClient::new(self.bus.clone(), share.copied().collect())
            })
            .collect()
    }

    /// Clients that all write to one stream.
    pub(crate) fn clients_of_one(&self, count: usize, stream: Warm) -> Vec<OursClient> {
        let shared = Warm {
            version: None,
            ..stream
        };
        (0..count)
            .map(|_| OursClient::new(self.bus.clone(), vec![shared]))
            .collect()
    }

    /// Carries out one command, and takes apart the leaf data it led to.
    pub(crate) async fn template(&self) -> Fallible<Template> {
        let stream = *self.warm(1).await?.first().ok_or("no stream")?;
        let mut client = OursClient::new(self.bus.clone(), vec![stream]);
        client.ask().await?;
        let stream = Stream::new(Authority::TYPE, stream.id);
        let entries = self.bus.ledger().read_stream(&stream, None).await?;
        Template::of(&entries.last().ok_or("no entry")?.leaf_data)
    }

    /// Ends well, as a server does. Fails where the projections stopped before.
    pub(crate) async fn close(self) -> Fallible<()> {
        if let Some(followed) = self.followed {
            let _ = followed.stop.send(true);
            followed.following.await??;
            followed.projections.close().await;
        }
        self.bus.close().await;
        Ok(())
    }
}

/// A client that gives commands to the bus.
pub(crate) struct OursClient {
    bus: Bus,
    streams: Vec<Warm>,
    next: usize,
    random: Random,
    /// The idempotency keys of the commands that were answered.
    pub(crate) answered: Vec<String>,
    /// The position of the last one's entry.
    pub(crate) position: u64,
}

impl OursClient {
    fn new(bus: Bus, streams: Vec<Warm>) -> Self {
        Self {
            bus,
            streams,
            next: 0,
            random: random(),
            answered: Vec::new(),
            position: 0,
        }
    }
}

impl Client for OursClient {
    async fn ask(&mut self) -> Fallible<()> {
        let at = self.next % self.streams.len();
        self.next += 1;
        let stream = &mut self.streams[at];
        let key = uuid(&mut self.random).to_string();
        let (body, devolved) = texts(self.next);
        // Over the same parts as the server digests a request.
        let digest = request_digest(&[7; 32], &[b"POST", body.as_bytes(), devolved.as_bytes()]);
        let command = AuthorityCommand::from(AmendAuthority {
            body: PublicText::new(body)?,
            devolved_welsh_authority: Some(PublicText::new(devolved)?),
            held_by: None,
        });
        let request = Request {
            if_match: stream.version,
            idempotency: Some(Under {
                key: key.clone(),
                digest,
                lasting: false,
            }),
            ..Request::plain(OPERATOR, Target::Stream(stream.id), command)
        };
        let Answer {
            version, position, ..
        } = self.bus.execute::<Authority>(request).await?;
        self.position = position;
        if let Some(known) = &mut stream.version {
            *known = version;
        }
        self.answered.push(key);
        Ok(())
    }
}

/// The texts of a command whose event's payload has about 400 bytes.
pub(crate) fn texts(number: usize) -> (String, &'static str) {
    let body = format!(
        "Example District Council as the bench knows it, version {number:08}; its particulars are \
         amended over and over and name nobody"
    );
    let devolved = "A source that is as long as the sources which are cited in earnest: a title, \
                    the paragraph, the date on which it was published and where a copy of it is \
                    kept by those who keep such copies for others";
    (body, devolved)
}

fn registered() -> Fallible<AuthorityCommand> {
    Ok(AuthorityCommand::from(RegisterAuthority {
        body: PublicText::new("Example District Council")?,
        capacity: Capacity::LocalAuthority,
        devolved_welsh_authority: None,
        held_by: None,
    }))
}
