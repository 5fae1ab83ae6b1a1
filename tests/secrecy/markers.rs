//! Twenty kinds of what must never come out, and the extracts that carry them: in every field that is
//! mapped, in fields that nobody reads, in rows and files that are right, and in those that are not.

/// A kind, and the spellings that would give it away, in lower case.
pub const MARKERS: &[(&str, &[&str])] = &[
    ("title", &["zqtitle"]),
    ("given name", &["zqgiven"]),
    ("family name", &["zqfamily"]),
    ("birth date", &["1931-07-23", "23/07/1931", "23 july 1931"]),
    ("death date", &["2019-07-29", "29/07/2019", "29 july 2019"]),
    ("national insurance number", &["qq731964c", "qq 73 19 64"]),
    ("NHS number", &["943 731 9640", "9437319640"]),
    ("person number", &["zqp7310001"]),
    ("e-mail address", &["zqmail"]),
    ("mobile number", &["7700900731", "7700 900731"]),
    ("landline number", &["1632960731", "1632 960731"]),
    ("street", &["zqstreet"]),
    ("town", &["zqtown"]),
    ("county", &["zqcounty"]),
    ("postcode", &["sk99 7zq", "sk997zq"]),
    ("property number", &["100099973101"]),
    ("account number", &["99731004"]),
    ("bank", &["30-97-31", "309731", "73198822", "zqmandate"]),
    ("money", &["84231.57", "8423157", "84,231.57"]),
    ("card number", &["4929731964000005", "4929 7319 6400 0005"]),
    ("note", &["zqnote"]),
    ("code", &["zqcode"]),
    ("what is no value", &["zqbad"]),
    ("a name of the document", &["zqtag"]),
    ("hold", &["zqhold"]),
];

/// A text without the digests in it, each of 64 letters and digits: any six figures stand in one by chance, sooner or
/// later, and a marker of six did.
pub fn without_digests(text: &str) -> String {
    let is_hex = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    let is_digest = |word: &&str| word.len() == 64 && word.chars().all(is_hex);
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(is_digest).fold(text.to_owned(), |read, digest| read.replace(digest, "digest"))
}

/// One council tax account with every marker in it, as far as its system has a field for it.
fn account(number: u32, change: &str) -> String {
    // One of them is the person whom the other systems know too.
    let nino = if number == 1 { "QQ731964C".to_owned() } else { format!("QQ6000{number:02}A") };
    format!(
        "<Account ref=\"99731004{number:02}\"><Status>OPEN</Status><OpenedDate>2021-06-01</OpenedDate>\
         <Note>Zqnote: card 4929 7319 6400 0005, NHS 943 731 9640</Note><LiablePersons>\
         <Person seq=\"1\" role=\"PRIMARY\"><PersonId>ZQP7310001</PersonId><Title>Zqtitle</Title>\
         <Forename>ZQGIVEN</Forename><Surname>Zqfamily</Surname><DateOfBirth>1931-07-23</DateOfBirth>\
         <NINO>{nino}</NINO><Email>zqmail{change}{number}@example.com</Email>\
         <Telephone>07700 900731</Telephone></Person>\
         <Person seq=\"2\" role=\"JOINT\"><Surname>Zqfamily</Surname><Telephone>01632 960731</Telephone>\
         </Person></LiablePersons>\
         <Property><UPRN>100099973101</UPRN><VORef>VO1</VORef><Band>D</Band><Address>\
         <Line1>7{change} Zqstreet</Line1><Line2>Zqstreet Park</Line2><Town>Zqtown</Town>\
         <County>Zqcounty</County><Postcode>SK99 7ZQ</Postcode></Address></Property>\
         <CorrespondenceAddress><Line1>8 Zqstreet</Line1></CorrespondenceAddress>\
         <Balance year=\"2026\"><Charge>84231.57</Charge><Paid>1{change}.00</Paid>\
         <Outstanding>84231.57</Outstanding><Arrears>84231.57</Arrears></Balance>\
         <Instalments><Instalment n=\"1\" due=\"2026-04-01\" amount=\"84231.57\"/></Instalments>\
         <PaymentMethod type=\"DD\"><Day>1</Day><SortCode>30-97-31</SortCode>\
         <AccountNumber>73198822</AccountNumber><MandateRef>ZQMANDATE1</MandateRef></PaymentMethod></Account>"
    )
}

/// Rows that are held, each for another reason; all of them carry what the good ones do.
fn bad_accounts() -> Vec<String> {
    let good = account(90, "1");
    let with = |number: u32, from: &str, to: &str| {
        let row = good.replace("9973100490", &format!("99731004{number}"));
        assert!(row.contains(from), "{from}");
        row.replace(from, to)
    };
    vec![
        with(91, "<Status>OPEN", "<Status>ZQCODE"),
        with(92, "2021-06-01", "Zqbad Zqfamily"),
        with(93, "<Outstanding>84231.57", "<Outstanding>84231.57 Zqbad"),
        with(94, "SK99 7ZQ", "Zqbad"),
        with(95, "<Surname>Zqfamily</Surname>", "<Surname/>"),
        with(96, "<UPRN>100099973101", "<UPRN>Zqbad"),
        with(97, "role=\"PRIMARY\"", "role=\"ZQCODE\""),
        // The same key twice, none, and two.
        account(2, "9"),
        with(98, " ref=\"9973100498\"", ""),
        with(99, "<Day>1</Day>", "<Day>Zqbad</Day>"),
    ]
}

fn extract(accounts: &[String], count: usize) -> Vec<u8> {
    let head = "<CouncilTaxExtract xmlns=\"urn:example:ctax:extract:1\">";
    let all = accounts.join("\n");
    format!("{head}{all}<Trailer accounts=\"{count}\"/></CouncilTaxExtract>").into_bytes()
}

/// One night of revenues: `change` is another digit each night.
pub fn revenues(change: &str) -> Vec<u8> {
    let mut accounts: Vec<String> = (1..=8).map(|number| account(number, change)).collect();
    accounts.extend(bad_accounts());
    extract(&accounts, accounts.len())
}

/// Files of revenues that are held whole.
pub fn bad_revenues() -> Vec<Vec<u8>> {
    let one = account(1, "1");
    let broken = |from: &str, to: &str| {
        assert!(one.contains(from), "{from}");
        extract(&[one.replace(from, to)], 1)
    };
    let declared = "<?xml version=\"1.0\" encoding=\"Zqbad Zqfamily\"?>";
    vec![
        broken("</Surname>", "</Zqtag>"),
        broken("<Surname>Zqfamily", "<Surname>Zqfamily<Zqtag"),
        broken("Zqfamily</Surname>", "&Zqtag;</Surname>"),
        broken("<PersonId>", "<zqtagprefix:PersonId Zqtag=Zqfamily>"),
        broken("<Surname>", "<Surname Zqtag=\"Zqfamily\" Zqtag=\"Zqbad\">"),
        broken("Zqfamily</Surname>", "Zqfamily&#xFFFFFFFF;</Surname>"),
        extract(std::slice::from_ref(&one), 2),
        [declared.as_bytes(), &extract(std::slice::from_ref(&one), 1)].concat(),
        extract(std::slice::from_ref(&one), 1)[..900].to_vec(),
        [b"\xff\xfe".as_slice(), &extract(&[one], 1)].concat(),
    ]
}

const CLAIMS_HEAD: &str = "claim_ref,claim_status,ctax_ref,uprn,addr1,addr2,town,postcode,start_date,\
    end_date,weekly_hb,weekly_ctr,note,p1_ref,p1_role,p1_title,p1_forename,p1_surname,p1_dob,p1_nino,p1_email,\
    p1_mobile,p1_deceased,p1_contact_ok";
const CLAIM: &str = "9973100460,Live,9973100401,100099973101,7 Zqstreet,Zqstreet Park,Zqtown,SK99 7ZQ,\
    01/04/2026,31/12/2999,84231.57,84231.57,Zqnote 943 731 9640,ZQP7310001,CLAIMANT,Zqtitle,Zqgiven,Zqfamily,\
    23/07/1931,QQ731964C,zqmail@example.com,07700 900731,,Y";

/// One night of benefits; rows that are held among them.
pub fn benefits() -> Vec<u8> {
    let with = |number: u32, from: &str, to: &str| {
        let row = CLAIM.replace("9973100460", &format!("99731004{number}"));
        assert!(row.contains(from), "{from}");
        row.replacen(from, to, 1)
    };
    let rows = [
        CLAIM.to_owned(),
        with(61, ",,Y", ",29/07/2019,Y"),
        with(62, "Live", "Zqcode"),
        with(63, "01/04/2026", "Zqbad"),
        with(64, "QQ731964C", "Zqbad"),
        with(65, "84231.57", "84231.57 Zqbad"),
        with(66, ",,Y", ",,Zqbad"),
        with(67, ",,Y", ",,Y,Zqbad,Zqfamily"),
        with(69, "9973100469,", ","),
        CLAIM.to_owned(),
    ];
    let trailer = format!("TRAILER,{}{}", rows.len(), ",".repeat(22));
    format!("{CLAIMS_HEAD}\n{}\n{trailer}\n", rows.join("\n")).into_bytes()
}

/// Files of benefits that are held whole: no header but a row in its place, a wrong total, an open quote.
pub fn bad_benefits() -> Vec<Vec<u8>> {
    let trailer = |count: usize| format!("TRAILER,{count}{}", ",".repeat(22));
    vec![
        format!("{CLAIM}\n{}\n", trailer(0)).into_bytes(),
        format!("{CLAIMS_HEAD}\n{CLAIM}\n{}\n", trailer(9)).into_bytes(),
        format!("{CLAIMS_HEAD}\n{}\n", CLAIM.replace("Zqnote", "\"Zqnote")).into_bytes(),
        format!("{CLAIMS_HEAD}\n{}\n", CLAIM.replace("Zqnote", "\"Zqnote\"Zqbad")).into_bytes(),
        format!("{CLAIMS_HEAD},Zqtag,Zqtag\n{CLAIM}\n{}\n", trailer(1)).into_bytes(),
    ]
}

const CONTACT: &str = "{\"contactId\":\"99731004C1\",\"name\":{\"title\":\"Zqtitle\",\"forename\":\"Zqgiven\",\
    \"surname\":\"Zqfamily\"},\"dateOfBirth\":\"1931-07-23\",\"nino\":\"QQ731964C\",\"email\":\
    \"zqmail2@example.com\",\"mobile\":\"07700 900731\",\"note\":\"Zqnote 4929731964000005\",\"wishes\":\
    {\"mayContact\":true},\"address\":{\"uprn\":\"100099973101\",\"line1\":\"7 Zqstreet\",\"town\":\"Zqtown\",\
    \"postcode\":\"SK99 7ZQ\"}}";

/// One night of the CRM; contacts that are held among them.
pub fn crm() -> Vec<u8> {
    let with = |number: u32, from: &str, to: &str| {
        let contact = CONTACT.replace("99731004C1", &format!("99731004C{number}"));
        assert!(contact.contains(from), "{from}");
        contact.replace(from, to)
    };
    let contacts = [
        CONTACT.to_owned(),
        with(2, "\"surname\":\"Zqfamily\"", "\"surname\":\"\""),
        with(3, "SK99 7ZQ", "Zqbad"),
        with(4, "true", "\"Zqbad\""),
        with(5, "\"surname\":", "\"surname\":\"Zqbad\",\"surname\":"),
        with(6, "\"99731004C6\"", "null"),
        with(7, "\"Zqtown\"", "[\"Zqtown\",\"Zqbad\"]"),
        with(8, "\"Zqnote", "\"\\ud800Zqnote"),
        CONTACT.to_owned(),
    ];
    document(&contacts.join(",\n"), contacts.len())
}

/// Documents of the CRM that are held whole.
pub fn bad_crm() -> Vec<Vec<u8>> {
    vec![
        document(&CONTACT.replace("\"nino\":", "\"nino\" Zqbad"), 1),
        document(CONTACT, 7),
        document(CONTACT, 1)[..300].to_vec(),
        [document(CONTACT, 1), b"Zqbad".to_vec()].concat(),
    ]
}

fn document(contacts: &str, count: usize) -> Vec<u8> {
    format!("{{\"export\":{{\"system\":\"crm\",\"contacts\":[\n{contacts}\n],\"count\":{count}}}}}")
        .into_bytes()
}
