//! A server over a real ledger in a temporary folder, driven without a socket.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use chrono::{DateTime, Duration, Utc};
use dutyledger_api::{App, Limits, router};
use dutyledger_application::{Bus, Edge, Home, KeyRequest, SystemEntropy};
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_ledger::{Clock, SystemClock};
use dutyledger_projections::Projections;
use dutyledger_record::{Principal, PrincipalKind, PublicText, StreamId};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt;

/// After this time what has not come to pass never will.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) bus: Bus,
    /// What stops the rows, and what tells that they are.
    rows: (Arc<Notify>, Arc<Notify>),
    _folder: tempfile::TempDir,
}

/// A clock that goes on from noon of the day the tests began: the day that a test says it is, is the day
/// that a server finds, whenever it is that they run.
struct FromNoon;

impl Clock for FromNoon {
    fn now(&self) -> DateTime<Utc> {
        static BEGAN: LazyLock<(DateTime<Utc>, Instant)> = LazyLock::new(|| {
            let noon = SystemClock.now().date_naive().and_hms_opt(12, 0, 0);
            (noon.unwrap().and_utc(), Instant::now())
        });
        let (noon, began) = *BEGAN;
        noon + began.elapsed()
    }
}

/// A clock that stands where it is set.
#[derive(Clone)]
pub(crate) struct SetClock(Arc<Mutex<DateTime<Utc>>>);

impl SetClock {
    /// As late as it is elsewhere.
    pub(crate) fn now() -> Self {
        Self(Arc::new(Mutex::new(FromNoon.now())))
    }

    pub(crate) fn forward(&self, days: i64) {
        *self.0.lock().unwrap() += Duration::days(days);
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> String {
        self.json["stream"]["id"]
            .as_str()
            .expect("a stream in the answer")
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The body without what differs between any two requests.
    pub(crate) fn without_request_id(&self) -> String {
        let mut json = self.json.clone();
        json["request_id"] = Value::Null;
        json["instance"] = Value::Null;
        json.to_string()
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(Limits::default()).await
    }

    pub(crate) async fn start_with(limits: Limits) -> Self {
        Self::start_by(Arc::new(FromNoon), limits).await
    }

    /// Where it is as late as a clock says.
    pub(crate) async fn start_by(clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let edge = Edge {
            clock,
            entropy: Arc::new(SystemEntropy),
        };
        Self::start_over(limits, edge).await
    }

    pub(crate) async fn start_over(limits: Limits, edge: Edge) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::beside(folder.path().join("test.ledger.db"));
        let (bus, master) = Bus::open(&home, LedgerMode::Sandbox, edge).await.unwrap();
        let (rows, mut projector) = Projections::open(&home.projections, bus.ledger())
            .await
            .unwrap();
        let tail = bus.ledger().tail();
        let (stand_still, stopped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let rows_stop = Arc::clone(&stand_still);
        let told = Arc::clone(&stopped);
        tokio::spawn(async move {
            let ended = projector.run(tail, async move { rows_stop.notified().await });
            let _ = ended.await;
            drop(projector);
            told.notify_one();
        });
        let app = App::new(bus.clone(), rows, &master);
        Self {
            router: router(app, limits),
            bus,
            rows: (stand_still, stopped),
            _folder: folder,
        }
    }

    /// Stops what moves the rows: they stay as they are.
    pub(crate) async fn rows_stand_still(&self) {
        let (stand_still, stopped) = &self.rows;
        stand_still.notify_one();
        stopped.notified().await;
    }

    pub(crate) async fn key(&self, kind: PrincipalKind, principal_id: Option<&str>) -> String {
        let operator = Principal {
            id: None,
            key_id: None,
            kind: PrincipalKind::Operator,
        };
        let request = KeyRequest {
            kind,
            principal_id: principal_id.map(|id| id.parse::<StreamId>().unwrap()),
            label: PublicText::new("test").unwrap(),
            expires_at: FromNoon.now() + Duration::days(30),
        };
        self.bus
            .issue_key(operator, request)
            .await
            .unwrap()
            .secret
            .reveal()
            .to_owned()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
            json,
        }
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        // What was recorded before is waited for, so that tests read what they wrote.
        let joint = if path.contains('?') { '&' } else { '?' };
        let waits = ["/rules", "/entries/", "/me"];
        let path = if waits.iter().any(|part| path.contains(part)) || path.contains("wait_for") {
            path.to_owned()
        } else {
            format!("{path}{joint}wait_for={}", self.bus.ledger().head())
        };
        // A busy machine may take longer than a server waits.
        let since = Instant::now();
        loop {
            let answer = self.get_plain(key, &path).await;
            if answer.code() != "not-there-yet" || since.elapsed() > PATIENCE {
                return answer;
            }
        }
    }

    pub(crate) async fn get_plain(&self, key: &str, path: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {key}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, key: &str, path: &str, body: Value) -> Answer {
        self.post_with(key, path, &body.to_string(), &[]).await
    }

    /// A command of which only the particulars matter.
    pub(crate) async fn command(&self, key: &str, path: &str, particulars: Value) -> Answer {
        self.post(key, path, json!({ "particulars": particulars }))
            .await
    }

    pub(crate) async fn post_with(
        &self,
        key: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::post(path)
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }
}

pub(crate) fn today() -> String {
    dutyledger_application::london_date(FromNoon.now()).to_string()
}

pub(crate) fn in_a_year() -> String {
    (FromNoon.now() + Duration::days(365))
        .with_timezone(&Utc)
        .to_rfc3339()
}

/// An area with two specified authorities, a school and a local policing body, and a partnership
/// formed for it.
pub(crate) struct Place {
    pub(crate) area: String,
    pub(crate) council: String,
    pub(crate) school: String,
    pub(crate) partnership: String,
    pub(crate) council_key: String,
    pub(crate) school_key: String,
    pub(crate) policing_body_key: String,
    pub(crate) coordinator_key: String,
}

impl Place {
    pub(crate) async fn make(server: &Server, operator: &str, name: &str) -> Self {
        let area = json!({ "country": "england", "kind": "district", "name": name });
        let area = server
            .command(operator, "/v1/areas", area)
            .await
            .is(201)
            .id();
        let mut ids = Vec::new();
        for capacity in [
            "local_authority",
            "chief_officer_of_police",
            "educational_authority",
            "local_policing_body",
        ] {
            let one = json!({ "body": format!("{name} {capacity}"), "capacity": capacity });
            let id = server
                .command(operator, "/v1/authorities", one)
                .await
                .is(201)
                .id();
            let row = json!({ "authorities": [{ "authority": id, "from": "2020-01-31" }] });
            let path = format!("/v1/areas/{area}/authorities");
            server.command(operator, &path, row).await.is(200);
            ids.push(id);
        }
        let [council, police, school, policing_body] = <[String; 4]>::try_from(ids).unwrap();
        let council_key = server.key(PrincipalKind::Authority, Some(&council)).await;
        let police_key = server.key(PrincipalKind::Authority, Some(&police)).await;
        let school_key = server.key(PrincipalKind::Authority, Some(&school)).await;
        let policing_body_key = server
            .key(PrincipalKind::LocalPolicingBody, Some(&policing_body))
            .await;
        let proposal = json!({
            "name": format!("{name} partnership"), "route": "new_structure", "areas": [area],
        });
        let partnership = server
            .command(&council_key, "/v1/partnerships", proposal)
            .await
            .is(201)
            .id();
        for (key, authority) in [(&council_key, &council), (&police_key, &police)] {
            let position = json!({
                "authority": authority, "on_matter": { "matter": "formation" }, "position": "agree",
            });
            let path = format!("/v1/partnerships/{partnership}/positions");
            server.command(key, &path, position).await.is(200);
        }
        let reasons = json!({
            "particulars": {}, "reasons": [{ "rule": "R-17.1", "reason": "To be decided." }],
        });
        let path = format!("/v1/partnerships/{partnership}/formation");
        server.post(&council_key, &path, reasons).await.is(200);
        let coordinator_key = server
            .key(PrincipalKind::Coordinator, Some(&partnership))
            .await;
        Self {
            area,
            council,
            school,
            partnership,
            council_key,
            school_key,
            policing_body_key,
            coordinator_key,
        }
    }

    /// A council registered as of a day, and its key.
    pub(crate) async fn council(server: &Server, operator: &str, on: &str) -> (String, String) {
        let council = json!({ "occurred_on": on, "particulars": {
            "body": "Old council", "capacity": "local_authority" } });
        let registered = server.post(operator, "/v1/authorities", council).await;
        let council = registered.is(201).id();
        let key = server.key(PrincipalKind::Authority, Some(&council)).await;
        (council, key)
    }

    /// The council's partnership for an area, all of it told as of a day; the council is the area's
    /// only specified authority.
    pub(crate) async fn another(
        server: &Server,
        operator: &str,
        (council, council_key): &(String, String),
        name: &str,
        on: &str,
    ) -> (String, String) {
        let on_day = |particulars: Value| json!({ "occurred_on": on, "particulars": particulars });
        let area = json!({ "country": "england", "kind": "district", "name": name });
        let area = server.post(operator, "/v1/areas", on_day(area)).await;
        let area = area.is(201).id();
        let row = json!({ "authorities": [{ "authority": council, "from": "2020-01-31" }] });
        let path = format!("/v1/areas/{area}/authorities");
        server.post(operator, &path, on_day(row)).await.is(200);
        let proposal = json!({ "name": format!("{name} partnership"), "route": "new_structure", "areas": [area] });
        let proposed = server
            .post(council_key, "/v1/partnerships", on_day(proposal))
            .await;
        let partnership = proposed.is(201).id();
        let position = json!({
            "authority": council, "on_matter": { "matter": "formation" }, "position": "agree",
        });
        let path = format!("/v1/partnerships/{partnership}/positions");
        server
            .post(council_key, &path, on_day(position))
            .await
            .is(200);
        let mut formation = on_day(json!({}));
        formation["reasons"] = json!([{ "rule": "R-17.1", "reason": "To be decided." }]);
        let path = format!("/v1/partnerships/{partnership}/formation");
        server.post(council_key, &path, formation).await.is(200);
        (partnership, area)
    }

    /// A strategy of a partnership that was adopted elsewhere on a day.
    pub(crate) async fn adopted_on(
        server: &Server,
        key: &str,
        partnership: &str,
        on: &str,
    ) -> String {
        let draft = json!({ "occurred_on": on, "particulars": {
            "partnership": partnership, "title": "A strategy",
            "bases": { "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false },
        } });
        let strategy = server.post(key, "/v1/strategies", draft).await.is(201).id();
        let adopted = json!({
            "occurred_on": on, "acting": "past_fact", "particulars": { "version": 1 },
            "source": { "title": "Minutes", "reference": "item 4", "date": on },
        });
        let path = format!("/v1/strategies/{strategy}/adoptions");
        server.post(key, &path, adopted).await.is(200);
        strategy
    }

    pub(crate) async fn strategy(&self, server: &Server) -> String {
        let draft = json!({
            "partnership": self.partnership, "title": "A strategy",
            "bases": { "section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false },
        });
        server
            .command(&self.council_key, "/v1/strategies", draft)
            .await
            .is(201)
            .id()
    }
}
