//! The rules of the platform beyond what was observed, and the faults it can be made to show.

use serde_json::{Value, json};
use viaduct::sandbox::govuk_notify::council::{
    EMAIL_CONTACT_CHANGED, EMAIL_MOVED_HOME, LETTER_MOVED_HOME, SERVICE_ID, SMS_CONTACT_CHANGED,
    TEST_SECRET,
};
use viaduct::sandbox::govuk_notify::service::{
    Channel, DailyLimits, KeyKind, Permission, Service, Template, Wording,
};

use crate::sandbox::bench::{Bench, claims, error, signed};

const EMAIL: &str = "/v2/notifications/email";
const SMS: &str = "/v2/notifications/sms";
const LETTER: &str = "/v2/notifications/letter";

fn email(to: &str) -> Value {
    json!({
        "email_address": to,
        "template_id": EMAIL_CONTACT_CHANGED,
        "personalisation": {"first_name": "Pat", "account": "7000000042"},
    })
}

fn sms(to: &str) -> Value {
    json!({
        "phone_number": to,
        "template_id": SMS_CONTACT_CHANGED,
        "personalisation": {"first_name": "Pat", "account": "7000000042"},
    })
}

fn letter(lines: &[&str]) -> Value {
    let mut given = json!({"first_name": "Pat", "account": "7000000042", "postcode": "unused"});
    for (index, line) in lines.iter().enumerate() {
        given[format!("address_line_{}", index + 1)] = json!(line);
    }
    given["address_line_7"] = json!("");
    json!({"template_id": LETTER_MOVED_HOME, "personalisation": given})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn free_text(channel: Channel, subject: Option<&str>, body: &str) -> Service {
    let mut service = Service::council();
    let template = service
        .templates
        .iter()
        .find(|template| template.channel == channel);
    let template = template.expect("one of each").clone();
    service.templates = vec![Template {
        subject: subject.map(str::to_owned),
        body: body.to_owned(),
        ..template
    }];
    service
}

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
        (
            good(json!({"iat": now})),
            403,
            "Invalid token: iss field not provided",
        ),
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
        (
            Some(format!(
                "Bearer {}",
                signed(&header, &claims(now), "another secret")
            )),
            403,
            unknown,
        ),
        (
            Some(format!(
                "Bearer {}",
                signed(&json!({"alg": "HS512"}), &claims(now), TEST_SECRET)
            )),
            403,
            "Invalid token: algorithm used is not HS256",
        ),
    ] {
        let (answered, body) = bench.with_token(token.as_deref()).await;
        assert_eq!(
            (answered, error(&body)),
            (status, ("AuthError", message)),
            "{token:?}"
        );
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
        let token = format!(
            "Bearer {}",
            signed(&header, &claims(bench.now_s()), TEST_SECRET)
        );
        let (status, body) = bench.with_token(Some(&token)).await;
        assert_eq!((status, error(&body).1), (403, message));
    }
}

#[tokio::test]
async fn every_problem_of_a_request_is_listed() {
    let bench = Bench::council().await;
    let long = "é".repeat(1_001);
    let too_long = format!("reference {long} is too long");
    let no_unsubscribe = "one_click_unsubscribe_url is not a valid https url";
    let format = "scheduled_for datetime format is invalid. It must be a valid ISO8601 date time format, \
                  https://en.wikipedia.org/wiki/ISO_8601";
    let cases: Vec<(&str, Value, Vec<&str>)> = vec![
        (
            SMS,
            json!({}),
            vec![
                "phone_number is a required property",
                "template_id is a required property",
            ],
        ),
        (
            SMS,
            json!([]),
            vec![
                "phone_number is a required property",
                "template_id is a required property",
            ],
        ),
        (SMS, json!([1]), vec!["[1] is not of type object"]),
        (LETTER, json!("x"), vec!["x is not of type object"]),
        (
            SMS,
            json!({"phone_number": 7, "template_id": null, "b": 1, "a": 2, "personalisation": ["it's"]}),
            vec![
                "phone_number 7 is not of type string",
                "template_id is not a valid UUID",
                "personalisation [\"its\"] is not of type object",
                "Additional properties are not allowed (a, b were unexpected)",
            ],
        ),
        (
            EMAIL,
            with(email("pat@example.com"), "reference", json!(long)),
            vec![&too_long],
        ),
        (
            EMAIL,
            with(email("pat@example.com"), "reference", json!(null)),
            vec!["reference None is not of type string"],
        ),
        (
            EMAIL,
            with(email("nobody"), "template_id", json!("7")),
            vec![
                "email_address Not a valid email address",
                "template_id is not a valid UUID",
            ],
        ),
        (
            EMAIL,
            with(
                email("pat@example.com"),
                "one_click_unsubscribe_url",
                json!(5),
            ),
            vec![no_unsubscribe],
        ),
        (
            EMAIL,
            with(email("pat@example.com"), "sanitise_content_for", json!("x")),
            vec!["sanitise_content_for x is not of type array, null"],
        ),
        (
            EMAIL,
            with(email("pat@example.com"), "scheduled_for", json!("soon")),
            vec![format],
        ),
        (
            EMAIL,
            with(
                email("pat@example.com"),
                "scheduled_for",
                json!("2026-11-22T11:00:00Z"),
            ),
            vec!["scheduled_for datetime can not be in the past"],
        ),
        (
            EMAIL,
            with(
                email("pat@example.com"),
                "scheduled_for",
                json!("2026-11-24 12:00"),
            ),
            vec!["scheduled_for datetime can only be 24 hours in the future"],
        ),
        (
            LETTER,
            json!({"content": 5, "postage": "third"}),
            vec![
                "content 5 is not of type string",
                "postage invalid. It must be either first, second or economy.",
                "reference is a required property",
            ],
        ),
    ];
    for (path, body, messages) in cases {
        let (status, answer) = bench.post(path, &body).await;
        let errors = answer["errors"].as_array().expect("errors");
        let got: Vec<&str> = errors
            .iter()
            .filter_map(|error| error["message"].as_str())
            .collect();
        assert_eq!((status, got), (400, messages), "{path}");
        assert!(
            errors
                .iter()
                .all(|error| error["error"] == "ValidationError")
        );
    }
    let tomorrow = with(
        email("pat@example.com"),
        "scheduled_for",
        json!("2026-11-23T11:59:00"),
    );
    let (status, answer) = bench.post(EMAIL, &tomorrow).await;
    assert_eq!((status, &answer["scheduled_for"]), (201, &Value::Null));
}

#[tokio::test]
async fn addresses_that_nobody_answers_at() {
    let bench = Bench::council().await;
    for path in [
        "/",
        "/v2/nope",
        "/v2/template/x/version/y",
        "/v2/notifications/",
    ] {
        let (status, body) = bench.get(path).await;
        assert_eq!((status, &body["result"]), (404, &json!("error")), "{path}");
    }
    let request = bench
        .client
        .delete(bench.url("/v2/notifications"))
        .send()
        .await;
    assert_eq!(request.expect("an answer").status(), 405);
    let (status, body) = bench.post("/v2/notifications/fax", &json!({})).await;
    assert_eq!((status, error(&body).1), (500, "Internal server error"));
}

#[tokio::test]
async fn checks_are_made_in_order() {
    let mut service = Service::council();
    service
        .permissions
        .retain(|permission| *permission != Permission::Sms);
    let bench = Bench::of(service).await;
    // Schema before permission, permission before template, template before recipient.
    let (_, body) = bench
        .post(
            SMS,
            &json!({"phone_number": "x", "template_id": EMAIL_MOVED_HOME}),
        )
        .await;
    assert_eq!(error(&body).0, "ValidationError");
    let (_, body) = bench
        .post(
            SMS,
            &with(sms("07700900123"), "template_id", json!(SERVICE_ID)),
        )
        .await;
    assert_eq!(
        error(&body).1,
        "Service is not allowed to send text messages"
    );
    let bench = Bench::council().await;
    let (_, body) = bench
        .post(
            SMS,
            &with(sms("+33612345678"), "personalisation", json!({})),
        )
        .await;
    assert_eq!(
        error(&body).1,
        "Missing personalisation: first_name, account"
    );
    let sender = with(sms("+33612345678"), "sms_sender_id", json!(SERVICE_ID));
    let (_, body) = bench.post(SMS, &sender).await;
    assert!(error(&body).1.starts_with("sms_sender_id c0ffee00"));
}

#[tokio::test]
async fn texts_are_filled_in_and_tidied() {
    let bench = Bench::of(free_text(
        Channel::Sms,
        None,
        "((Name)): ((x??shown)) ((y??hidden)) ((list)) — ((n)) , ((b))",
    ))
    .await;
    let template = Service::council().templates[3].id.clone();
    let given = json!({
        "NAME": "Łucja “B”", "x": true, "y": "no", "list": ["a", 2, null, ""], "n": 1e16, "b": false,
    });
    let body =
        json!({"phone_number": "07700900123", "template_id": template, "personalisation": given});
    let (status, answer) = bench.post(SMS, &body).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(
        answer["content"]["body"],
        "Lucja \"B\": shown a and 2 - 1e+16, False"
    );
    assert_eq!(answer["content"]["from_number"], "447700900500");
    assert_eq!(
        answer["template"]["uri"],
        format!(
            "{}/services/{SERVICE_ID}/templates/{template}",
            bench.running.url
        )
    );

    let empty = free_text(Channel::Sms, None, "((a))");
    let bench = Bench::of(empty).await;
    let body = json!({"phone_number": "07700900123", "template_id": template, "personalisation": {"a": " "}});
    assert_eq!(
        error(&bench.post(SMS, &body).await.1).1,
        "Your message is empty."
    );
    let file = with(body, "personalisation", json!({"a": {"file": "eA=="}}));
    assert_eq!(
        error(&bench.post(SMS, &file).await.1).1,
        "Can only send a file by email"
    );
}

#[tokio::test]
async fn a_prefix_is_sent_and_billed_and_not_shown() {
    let mut service = free_text(Channel::Sms, None, "((x))");
    service.sms_prefix = true;
    let template = service.templates[0].id.clone();
    let bench = Bench::of(service).await;
    let body = json!({
        "phone_number": "07700900123",
        "template_id": template,
        "personalisation": {"x": "x".repeat(160)},
    });
    let (_, answer) = bench.post(SMS, &body).await;
    assert_eq!(answer["content"]["body"], "x".repeat(160));
    assert!(
        bench.ledger().await[0]["body"]
            .as_str()
            .is_some_and(|body| body.starts_with("Example MBC: x"))
    );
    bench.later_ms(1_000);
    let (_, message) = bench
        .get(&format!(
            "/v2/notifications/{}",
            answer["id"].as_str().expect("id")
        ))
        .await;
    assert_eq!(message["cost_details"]["billable_sms_fragments"], 2);
    assert_eq!(message["cost_in_pounds"], 0.048);
}

#[tokio::test]
async fn subjects_are_tidied_and_residents_words_made_harmless() {
    let service = free_text(
        Channel::Email,
        Some("It's ((name)) - \"ok\""),
        "Dear ((name)),\n\n((note))",
    );
    let template = service.templates[0].id.clone();
    let bench = Bench::of(service).await;
    let mut body = json!({
        "email_address": "Pat@Example.com",
        "template_id": template,
        "personalisation": {"name": "O'Bramble", "note": "# See www.evil.example/x now"},
        "sanitise_content_for": ["NOTE", "name", "absent"],
    });
    let (status, answer) = bench.post(EMAIL, &body).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["content"]["subject"], "It’s O’Bramble – “ok”");
    assert_eq!(answer["content"]["body"], "Dear O'Bramble,\n\n\\# See  now");
    let note = json!({"unsanitised": "# See www.evil.example/x now", "sanitised": "\\# See  now"});
    assert_eq!(answer["sanitised_content"], json!({"note": note}));
    body["personalisation"]["name"] = json!(5);
    assert_eq!(bench.post(EMAIL, &body).await.0, 500);
}

#[tokio::test]
async fn statuses_follow_the_clock() {
    let mut service = Service::council();
    service
        .permissions
        .extend([Permission::InternationalSms, Permission::SmsToUkLandlines]);
    let bench = Bench::of(service).await;
    for (path, body, key, seen) in [
        (
            EMAIL,
            email("pat@example.com"),
            KeyKind::Live,
            ["created", "sending", "delivered"],
        ),
        (
            EMAIL,
            email("temp-fail@simulator.notify"),
            KeyKind::Test,
            ["created", "sending", "temporary-failure"],
        ),
        (
            EMAIL,
            email("temp-fail@simulator.notify"),
            KeyKind::Live,
            ["created", "sending", "delivered"],
        ),
        (
            SMS,
            sms("07700900002"),
            KeyKind::Test,
            ["created", "sending", "permanent-failure"],
        ),
        (
            SMS,
            sms("07700 900002"),
            KeyKind::Test,
            ["created", "sending", "delivered"],
        ),
        (
            SMS,
            sms("+1 202 555 0100"),
            KeyKind::Test,
            ["created", "sent", "sent"],
        ),
        (
            SMS,
            sms("+33 6 12 34 56 78"),
            KeyKind::Test,
            ["created", "sent", "delivered"],
        ),
        (
            SMS,
            sms("07781 900000"),
            KeyKind::Test,
            ["created", "sent", "delivered"],
        ),
        (
            SMS,
            sms("020 7946 0000"),
            KeyKind::Live,
            ["created", "sending", "delivered"],
        ),
        (
            LETTER,
            letter(&["Pat", "1 St", "SW1A 1AA"]),
            KeyKind::Test,
            ["accepted", "accepted", "received"],
        ),
        (
            LETTER,
            letter(&["Pat", "1 St", "SW1A 1AA"]),
            KeyKind::Live,
            ["accepted", "accepted", "received"],
        ),
        (
            LETTER,
            json!({"reference": "p", "content": "JVBERi0xLjQ="}),
            KeyKind::Test,
            ["pending-virus-check", "accepted", "received"],
        ),
        (
            LETTER,
            json!({"reference": "p", "content": "bm90IGEgcGRm"}),
            KeyKind::Live,
            [
                "pending-virus-check",
                "validation-failed",
                "validation-failed",
            ],
        ),
    ] {
        let (status, answer) = bench.post_as(key, path, &body).await;
        assert_eq!(status, 201, "{body} {answer}");
        let address = format!(
            "/v2/notifications/{}",
            answer["id"].as_str().expect("an id")
        );
        for (step_ms, word) in [0, 200, 400].into_iter().zip(seen) {
            bench.later_ms(step_ms);
            let (_, message) = bench.get_as(KeyKind::Team, &address).await;
            assert_eq!(message["status"], word, "{body}");
            let ended = ["delivered", "sent", "received"].contains(&word)
                || word.ends_with("-failure")
                || word.ends_with("-failed");
            assert_eq!(message["completed_at"].is_string(), ended, "{message}");
        }
    }
}

#[tokio::test]
async fn simulated_recipients_leave_nothing_behind() {
    let bench = Bench::council().await;
    for (path, body) in [
        (SMS, sms("+44 7700 900111")),
        (
            EMAIL,
            email("Simulate-Delivered-2@notifications.service.gov.uk"),
        ),
    ] {
        let (status, answer) = bench.post(path, &body).await;
        assert_eq!(status, 201);
        let address = format!(
            "/v2/notifications/{}",
            answer["id"].as_str().expect("an id")
        );
        assert_eq!(bench.get(&address).await.0, 404);
    }
    assert!(
        bench
            .ledger()
            .await
            .iter()
            .all(|entry| entry["simulated"] == true)
    );
}

#[tokio::test]
async fn a_list_shows_what_the_same_kind_of_key_made() {
    let bench = Bench::council().await;
    let mut ids = Vec::new();
    for (key, to) in [
        (KeyKind::Live, "pat@example.com"),
        (KeyKind::Team, "guest@example.com"),
        (KeyKind::Test, "pat@example.com"),
    ] {
        let body = with(email(to), "reference", json!("same"));
        let (_, answer) = bench.post_as(key, EMAIL, &body).await;
        ids.push(answer["id"].as_str().expect("an id").to_owned());
    }
    for (key, id) in [KeyKind::Live, KeyKind::Team, KeyKind::Test]
        .into_iter()
        .zip(&ids)
    {
        let (_, list) = bench.get_as(key, "/v2/notifications?reference=same").await;
        let found = list["notifications"].as_array().expect("a list");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["id"], id.as_str());
        assert_eq!(
            bench
                .get_as(key, &format!("/v2/notifications/{}", ids[0]))
                .await
                .0,
            200
        );
    }
}

#[tokio::test]
async fn a_list_is_paged_newest_first_and_always_offers_a_next_page() {
    let bench = Bench::council().await;
    for number in 0..260 {
        let body = with(
            email("pat@example.com"),
            "reference",
            json!(format!("r {number}&")),
        );
        assert_eq!(bench.post(EMAIL, &body).await.0, 201);
    }
    let mut path = "/v2/notifications?template_type=email&status=created".to_owned();
    let mut references = Vec::new();
    let mut pages = Vec::new();
    loop {
        let (_, page) = bench.get(&path).await;
        let found = page["notifications"].as_array().expect("a list");
        pages.push(found.len());
        references.extend(found.iter().map(|one| one["reference"].clone()));
        let Some(next) = page["links"]["next"].as_str() else {
            break;
        };
        assert!(
            next.contains("template_type=email&status=created&older_than="),
            "{next}"
        );
        path = next
            .strip_prefix(&bench.running.url)
            .expect("our own address")
            .to_owned();
    }
    assert_eq!(pages, [250, 10, 0]);
    assert_eq!(references[0], "r 259&");
    assert_eq!(references[259], "r 0&");
    let (_, one) = bench.get("/v2/notifications?reference=r%207%26").await;
    assert_eq!(one["notifications"].as_array().map(Vec::len), Some(1));
    assert!(
        one["links"]["next"]
            .as_str()
            .is_some_and(|next| next.contains("reference=r%207%26"))
    );

    bench.later_ms(1_000);
    for (query, count) in [
        ("status=created", 0),
        ("status=delivered&status=failed", 250),
        ("status=received", 250),
        ("template_type=sms", 0),
        ("older_than=00000000-0000-4000-8000-000000000000", 0),
        ("include_jobs=true", 250),
    ] {
        let (_, page) = bench.get(&format!("/v2/notifications?{query}")).await;
        assert_eq!(
            page["notifications"].as_array().map(Vec::len),
            Some(count),
            "{query}"
        );
    }
    bench.later_ms(7 * 86_400_000);
    let (_, page) = bench.get("/v2/notifications").await;
    assert_eq!(page["notifications"], json!([]));
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
    assert_eq!(
        error(&answer).1,
        "Can’t send to this recipient using a team-only API key"
    );
    let (status, answer) = bench
        .post_as(KeyKind::Team, LETTER, &letter(&["P", "1 St", "SW1A 1AA"]))
        .await;
    assert_eq!(
        (status, error(&answer).1),
        (403, "Cannot send letters with a team api key")
    );

    let trial = Bench::of(Service {
        live: false,
        ..Service::council()
    })
    .await;
    let (_, answer) = trial.post(EMAIL, &email("pat@example.com")).await;
    assert!(
        error(&answer)
            .1
            .starts_with("Can’t send to this recipient when service is in trial mode – see https")
    );
    assert_eq!(trial.post(EMAIL, &email("guest@example.com")).await.0, 201);
    assert_eq!(
        trial
            .post_as(KeyKind::Test, EMAIL, &email("pat@example.com"))
            .await
            .0,
        201
    );
    let (status, answer) = trial
        .post(LETTER, &letter(&["P", "1 St", "SW1A 1AA"]))
        .await;
    assert_eq!(
        (status, error(&answer).1),
        (403, "Cannot send letters when service is in trial mode")
    );
    let tried = trial
        .post_as(KeyKind::Test, LETTER, &letter(&["P", "1 St", "SW1A 1AA"]))
        .await;
    assert_eq!(tried.0, 201);
}

#[tokio::test]
async fn limits_by_the_minute_and_by_the_day() {
    let mut service = Service::council();
    service.rate_limit = 6;
    service.permissions.push(Permission::InternationalSms);
    service.daily_limits = Some(DailyLimits {
        email: 4,
        sms: 9,
        international_sms: 1,
        letter: 0,
    });
    let bench = Bench::of(service).await;
    for _ in 0..3 {
        assert_eq!(bench.post(EMAIL, &email("pat@example.com")).await.0, 201);
    }
    let (status, answer) = bench.post(EMAIL, &json!("refused before it is read")).await;
    let message = "Exceeded rate limit for key type LIVE of 6 requests per 60 seconds";
    assert_eq!((status, error(&answer)), (429, ("RateLimitError", message)));
    assert_eq!(
        bench
            .post_as(KeyKind::Test, EMAIL, &email("pat@example.com"))
            .await
            .0,
        201
    );
    bench.later_ms(10_000);
    assert_eq!(bench.post(EMAIL, &email("pat@example.com")).await.0, 201);
    bench.later_ms(60_000);
    let (status, answer) = bench.post(EMAIL, &email("pat@example.com")).await;
    let message = "Exceeded send limits (email: 4) for today";
    assert_eq!(
        (status, error(&answer)),
        (429, ("TooManyRequestsError", message))
    );
    assert_eq!(bench.post(SMS, &sms("+33612345678")).await.0, 201);
    let (_, answer) = bench.post(SMS, &sms("+33612345678")).await;
    assert_eq!(
        error(&answer).1,
        "Exceeded send limits (international_sms: 1) for today"
    );
    bench.later_ms(60_000);
    let (_, answer) = bench.post(LETTER, &json!({})).await;
    assert_eq!(
        error(&answer).1,
        "Exceeded send limits (letter: 0) for today"
    );
    bench.later_ms(12 * 3_600_000);
    assert_eq!(bench.post(EMAIL, &email("pat@example.com")).await.0, 201);
}

#[tokio::test]
async fn letters_cost_by_paper_and_show_their_address() {
    let mut service = Service::council();
    service.permissions.push(Permission::InternationalLetters);
    let bench = Bench::of(service).await;
    let mut body = letter(&["Pat Testberry", "1 Rue X", "75001 Paris", "France"]);
    body["personalisation"]["postcode"] = json!("FR");
    body["reference"] = json!("l-1");
    let (status, answer) = bench.post(LETTER, &body).await;
    assert_eq!(status, 201, "{answer}");
    let address = format!(
        "/v2/notifications/{}",
        answer["id"].as_str().expect("an id")
    );
    let (_, message) = bench.get(&address).await;
    assert_eq!(
        (&message["is_cost_data_ready"], &message["cost_in_pounds"]),
        (&json!(false), &Value::Null)
    );
    let pdf = format!("{address}/pdf");
    assert_eq!(error(&bench.get(&pdf).await.1).0, "PDFNotReadyError");
    bench.later_ms(1_000);
    let (_, message) = bench.get(&address).await;
    assert_eq!(message["line_3"], "75001 Paris");
    assert_eq!(message["postage"], "europe");
    assert_eq!(
        message["cost_details"],
        json!({"billable_sheets_of_paper": 1, "postage": "europe"})
    );
    assert_eq!(message["cost_in_pounds"], 1.8);
    assert!(
        message["estimated_delivery"]
            .as_str()
            .is_some_and(|at| at.ends_with("T16:00:00.000000Z"))
    );
    let request = bench
        .client
        .get(bench.url(&pdf))
        .bearer_auth(bench.token(KeyKind::Live));
    let response = request.send().await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "application/pdf");
    assert!(
        response
            .bytes()
            .await
            .expect("a body")
            .starts_with(b"%PDF-")
    );

    let (_, sent) = bench.post(EMAIL, &email("pat@example.com")).await;
    let path = format!(
        "/v2/notifications/{}/pdf",
        sent["id"].as_str().expect("an id")
    );
    assert_eq!(
        error(&bench.get(&path).await.1).1,
        "Notification is not a letter"
    );
    let bad = json!({"reference": "p", "content": "abc"});
    let message = "Cannot decode letter content (invalid base64 encoding)";
    assert_eq!(error(&bench.post(LETTER, &bad).await.1).1, message);
    let good = json!({"reference": "p", "content": "JVBERi0xLjQ=", "postage": "economy"});
    let (status, answer) = bench.post(LETTER, &good).await;
    assert_eq!(
        (
            status,
            &answer["postage"],
            answer.as_object().map(|fields| fields.len())
        ),
        (201, &json!("economy"), Some(3))
    );
}

#[tokio::test]
async fn templates_can_be_read_listed_and_tried() {
    let mut service = Service::council();
    service.templates[0].version = 3;
    service.templates[0].history = vec![Wording {
        version: 2,
        subject: Some("Old".to_owned()),
        body: "((old))".to_owned(),
    }];
    service.templates[1].archived = true;
    let bench = Bench::of(service).await;
    let path = format!("/v2/template/{EMAIL_MOVED_HOME}");
    let (_, newest) = bench.get(&path).await;
    assert_eq!(newest["version"], 3);
    let names: Vec<&String> = newest["personalisation"]
        .as_object()
        .expect("names")
        .keys()
        .collect();
    assert_eq!(names, ["account", "first_name", "postcode"]);
    assert_eq!(
        bench.get(&format!("{path}/version/2")).await.1["personalisation"],
        json!({"old": {"required": true}})
    );
    assert_eq!(
        bench.get(&format!("{path}/version/0")).await.1["version"],
        3
    );
    assert_eq!(bench.get(&format!("{path}/version/1")).await.0, 404);
    let (_, all) = bench.get("/v2/templates").await;
    assert_eq!(all["templates"].as_array().map(Vec::len), Some(6));
    let (_, letters) = bench.get("/v2/templates?type=letter").await;
    assert_eq!(
        letters["templates"][0]["letter_contact_block"],
        "Example MBC\n1 High Street\nBramble"
    );
    let (status, answer) = bench
        .post(&format!("{path}/preview"), &json!({"personalisation": {}}))
        .await;
    assert_eq!(
        (status, error(&answer).1),
        (
            400,
            "Missing personalisation: account, first_name, postcode"
        )
    );
    let archived = with(
        email("pat@example.com"),
        "template_id",
        json!(Service::council().templates[1].id),
    );
    assert_eq!(
        error(&bench.post(EMAIL, &archived).await.1).1,
        "Template has been deleted"
    );
}

#[tokio::test]
async fn received_texts_are_listed() {
    let bench = Bench::council().await;
    for content in ["one", "two"] {
        let text = json!({"user_number": "447700900123", "notify_number": "07700900500", "content": content});
        let request = bench
            .client
            .post(bench.url("/sandbox/received-text-messages"))
            .json(&text);
        assert_eq!(request.send().await.expect("an answer").status(), 201);
    }
    let (_, page) = bench.get("/v2/received-text-messages").await;
    assert_eq!(page["received_text_messages"][0]["content"], "two");
    let next = page["links"]["next"]
        .as_str()
        .and_then(|next| next.strip_prefix(&bench.running.url));
    let (_, page) = bench.get(next.expect("a next page")).await;
    assert_eq!(
        page,
        json!({
            "received_text_messages": [],
            "links": {"current": bench.url("/v2/received-text-messages")},
        })
    );
}

#[tokio::test]
async fn a_lost_answer_is_an_accepted_message_and_a_lost_request_is_none() {
    let bench = Bench::council().await;
    bench
        .arm(&json!({"next": [
            {"kind": "lost_answer", "times": 2},
            {"kind": "lost_before"},
            {"kind": "status", "status": 503},
            {"kind": "status", "status": 429, "error": "TooManyRequestsError"},
        ]}))
        .await;
    let send = async |reference: &str| {
        let body = with(email("pat@example.com"), "reference", json!(reference));
        let request = bench
            .client
            .post(bench.url(EMAIL))
            .bearer_auth(bench.token(KeyKind::Live));
        request
            .body(body.to_string())
            .send()
            .await
            .map(|response| response.status().as_u16())
    };
    assert!(send("a").await.is_err());
    let (_, list) = bench.get("/v2/notifications?reference=a").await;
    assert_eq!(
        list["notifications"].as_array().map(Vec::len),
        Some(1),
        "asking works meanwhile"
    );
    assert!(send("b").await.is_err());
    assert!(send("c").await.is_err());
    assert_eq!(send("d").await.expect("an answer"), 503);
    assert_eq!(send("e").await.expect("an answer"), 429);
    assert_eq!(send("f").await.expect("an answer"), 201);
    let ledger = bench.ledger().await;
    let references: Vec<&str> = ledger
        .iter()
        .filter_map(|entry| entry["reference"].as_str())
        .collect();
    assert_eq!(references, ["a", "b", "f"]);

    let request = bench.client.delete(bench.url("/sandbox/ledger"));
    assert_eq!(request.send().await.expect("an answer").status(), 204);
    assert!(bench.ledger().await.is_empty());
}

#[tokio::test]
async fn the_ledger_is_on_disk_before_the_caller_hears() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.jsonl");
    let bench = Bench::council().await;
    let _same = bench.sandbox.clone().with_ledger(&path).expect("a file");
    for _ in 0..3 {
        bench.post(EMAIL, &email("pat@example.com")).await;
    }
    let lines = std::fs::read_to_string(&path).expect("the ledger");
    let entries: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(entries, bench.ledger().await);
    assert_eq!(entries.len(), 3);
}
