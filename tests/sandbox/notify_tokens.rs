//! Who may call: each fault of a token, of a key and of a service has its own refusal.

use serde_json::{Value, json};
use viaduct::sandbox::govuk_notify::council::{SERVICE_ID, TEST_SECRET};
use viaduct::sandbox::govuk_notify::service::{KeyKind, Service};

use crate::sandbox::bench::{Bench, claims, error, signed};
use crate::sandbox::requests::{EMAIL, LETTER, SMS, email, letter, sms, with};

#[tokio::test]
async fn each_fault_of_a_token_has_its_own_refusal() {
    let bench = Bench::council().await;
    let now = bench.now_s();
    let header = json!({"typ": "JWT", "alg": "HS256"});
    let good = |claims: Value| Some(format!("Bearer {}", signed(&header, &claims, TEST_SECRET)));
    let example = "Invalid token: make sure your API token matches the example at \
                   https://docs.notifications.service.gov.uk/rest-api.html#authorisation-header";
    let skewed = "Error: Your system clock must be accurate to within 30 seconds";
    let unknown = "Invalid token: API key not found";
    let no_key = "Unauthorized: authentication token must be provided";
    let no_bearer = "Unauthorized: authentication bearer scheme must be used";
    let with_claim = |name: &str, value: Value| with(claims(now), name, value);
    for (token, status, message) in [
        (None, 401, no_key),
        (Some("Basic abc".to_owned()), 401, no_bearer),
        (Some("Bearer".to_owned()), 401, no_bearer),
        (Some("Bearer x".to_owned()), 403, example),
        (Some("Bearer a.b.c".to_owned()), 403, example),
        (good(json!({"iat": now})), 403, "Invalid token: iss field not provided"),
        (
            good(json!({"iss": "x", "iat": now})),
            403,
            "Invalid token: service id is not the right data type",
        ),
        (
            good(json!({"iss": 5, "iat": now})),
            403,
            "Invalid token: service id is not the right data type",
        ),
        (
            good(json!({"iss": "00000000-0000-4000-8000-000000000000", "iat": now})),
            403,
            "Invalid token: service not found",
        ),
        (good(json!({"iss": SERVICE_ID})), 403, unknown),
        (good(claims(now - 31)), 403, skewed),
        (good(claims(now + 31)), 403, skewed),
        (good(with_claim("exp", json!(now - 31))), 403, example),
        (good(with_claim("nbf", json!(now + 31))), 403, skewed),
        (good(with_claim("aud", json!("someone"))), 403, example),
        (Some(format!("Bearer {}", signed(&header, &claims(now), "another secret"))), 403, unknown),
        (
            Some(format!("Bearer {}", signed(&json!({"alg": "HS512"}), &claims(now), TEST_SECRET))),
            403,
            "Invalid token: algorithm used is not HS256",
        ),
    ] {
        let (answered, body) = bench.with_token(token.as_deref()).await;
        assert_eq!((answered, error(&body)), (status, ("AuthError", message)), "{token:?}");
        assert_eq!(body["status_code"], status);
    }
    for token in [
        good(claims(now - 30)),
        good(claims(now + 30)),
        good(with_claim("more", json!("allowed"))),
        good(with_claim("exp", json!(now - 29))),
        good(json!({"iss": SERVICE_ID.to_uppercase().replace('-', ""), "iat": now})),
        good(claims(now)).map(|token| token.replace("Bearer", "bEARER")),
    ] {
        assert_eq!(bench.with_token(token.as_deref()).await.0, 200, "{token:?}");
    }
}

#[tokio::test]
async fn archived_services_lost_keys_and_revoked_keys_are_refused() {
    let mut archived = Service::council();
    archived.archived = true;
    let mut keyless = Service::council();
    let mut revoked = Service::council();
    revoked.keys[2].revoked = true;
    let header = json!({"typ": "JWT", "alg": "HS256"});
    keyless.keys.clear();
    for (service, message) in [
        (archived, "Invalid token: service is archived"),
        (keyless, "Invalid token: service has no API keys"),
        (revoked, "Invalid token: API key revoked"),
    ] {
        let bench = Bench::of(service).await;
        let token = format!("Bearer {}", signed(&header, &claims(bench.now_s()), TEST_SECRET));
        let (status, body) = bench.with_token(Some(&token)).await;
        assert_eq!((status, error(&body).1), (403, message));
    }
}

#[tokio::test]
async fn team_keys_and_trial_services_reach_only_their_own_people() {
    let bench = Bench::council().await;
    for (path, body, status) in [
        (SMS, sms("+44 7700 900 400"), 201),
        (EMAIL, email("Officer@Bramble.example.com"), 201),
        (EMAIL, email("guest@example.com"), 201),
        (EMAIL, email("pat@example.com"), 400),
    ] {
        let (answered, answer) = bench.post_as(KeyKind::Team, path, &body).await;
        assert_eq!(answered, status, "{answer}");
    }
    let (_, answer) = bench.post_as(KeyKind::Team, SMS, &sms("07700900123")).await;
    assert_eq!(error(&answer).1, "Can’t send to this recipient using a team-only API key");
    let (status, answer) =
        bench.post_as(KeyKind::Team, LETTER, &letter(&["P", "1 St", "SW1A 1AA"])).await;
    assert_eq!((status, error(&answer).1), (403, "Cannot send letters with a team api key"));

    let trial = Bench::of(Service { live: false, ..Service::council() }).await;
    let (_, answer) = trial.post(EMAIL, &email("pat@example.com")).await;
    assert!(
        error(&answer)
            .1
            .starts_with("Can’t send to this recipient when service is in trial mode – see https")
    );
    assert_eq!(trial.post(EMAIL, &email("guest@example.com")).await.0, 201);
    assert_eq!(trial.post_as(KeyKind::Test, EMAIL, &email("pat@example.com")).await.0, 201);
    let (status, answer) = trial.post(LETTER, &letter(&["P", "1 St", "SW1A 1AA"])).await;
    assert_eq!(
        (status, error(&answer).1),
        (403, "Cannot send letters when service is in trial mode")
    );
    let tried = trial.post_as(KeyKind::Test, LETTER, &letter(&["P", "1 St", "SW1A 1AA"])).await;
    assert_eq!(tried.0, 201);
}
