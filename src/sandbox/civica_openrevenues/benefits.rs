//! Benefits: a person's claims, one of them, and what was paid.

use super::pages::{Escaped, Pounds, furniture, name};
use super::tax::Page;
use crate::sandbox::council::household::Household;

/// One household in so many has a claim.
const EVERY: u32 = 3;
/// Its weekly award, in pence.
const WEEKLY_PENCE: i64 = 9_000;

/// The household's claim, if it has one.
pub fn claim_of(home: &Household) -> Option<String> {
    home.index.is_multiple_of(EVERY).then(|| format!("98{:05}", home.index))
}

/// The key of the place that the claim is for.
pub fn place_of(home: &Household) -> String {
    format!("{:09}", home.index + 1)
}

impl Page<'_> {
    fn end(&self, docid: &str) -> String {
        furniture(docid, self.session, true, self.now_ms)
    }

    fn bare_name(&self) -> String {
        self.home.adult(self.slot).map(|adult| name(adult, false)).unwrap_or_default()
    }

    /// Whoever is liable first claims; the second is the partner.
    fn role(&self) -> Option<&'static str> {
        ["Claimant", "Partner"].get(self.slot).copied()
    }

    /// The claims, by attributes: `HBClaimDetails` has one shape here and another below.
    pub fn claims(&self) -> String {
        let row = match (claim_of(self.home), self.role()) {
            (Some(claim), Some(role)) => format!(
                "<HBClaimDetails ClaimNumber=\"{claim} \" ClaimPlaceRef=\"{}\" ClaimStatus=\"Current\" \
                 PersonType=\"{role}\"><HBClaimAddress>{}, {}</HBClaimAddress></HBClaimDetails>",
                place_of(self.home),
                Escaped(&self.home.line_1),
                self.home.town,
            ),
            _ => String::new(),
        };
        format!(
            "<HBSelectDoc>{}<HBClaimList>{row}</HBClaimList>{}</HBSelectDoc>",
            self.bare_name(),
            self.end("hbsel")
        )
    }

    /// One claim, by elements; with an error inside where it is told to err.
    pub fn claim(&self, claim: &str, error: bool) -> String {
        let home = self.home;
        let error = if error { "<Error>The claim is being assessed</Error>" } else { "" };
        let status = home.index / EVERY % 6 + 1;
        format!(
            "<HBClaimDetails>{}{error}<HBClaimRef>{claim}</HBClaimRef><HBPlaceRef>{}</HBPlaceRef>\
             <HBClaimStatus>{status}</HBClaimStatus><HBPersonType>{}</HBPersonType><HBClaimType>P</HBClaimType>\
             <NextPayment><Date>07/12/2026</Date><Amount>{}</Amount><Payee>{}</Payee>\
             <PaidUpToAmount>0.00</PaidUpToAmount><PaymentSchedule>Fortnightly</PaymentSchedule>\
             <PaymentMethod>BACS</PaymentMethod></NextPayment><BenefitEntitlement><CTX CtxActRef=\"{} \" \
             PeriodStart=\"01/04/2026\" PeriodEnd=\"31-03-2027\" WeeklyBenefit=\"21.35\"/><PrivateRent \
             PeriodStart=\"06/04/2026\" PeriodEnd=\"04/04/2027\" WeeklyBenefit=\"{}\"/></BenefitEntitlement>\
             <ClaimAddress1>{}</ClaimAddress1><ClaimAddress2>{}</ClaimAddress2><ClaimAddress3/><ClaimAddress4/>\
             <ClaimPostcode>{}</ClaimPostcode>{}</HBClaimDetails>",
            self.bare_name(),
            place_of(home),
            self.role().unwrap_or_default(),
            Pounds(2 * WEEKLY_PENCE),
            Escaped(&home.liable[0].surname),
            home.reference,
            Pounds(WEEKLY_PENCE),
            Escaped(&home.line_1),
            home.town,
            home.postcode,
            self.end("hbdet"),
        )
    }

    /// What was paid. Where nothing was, the list itself is left out.
    pub fn payments(&self, kind: &str) -> String {
        let paid =
            claim_of(self.home).is_some() && self.role() == Some("Claimant") && kind == "prp";
        let list = match paid {
            true => format!(
                "<PaymentList><PaymentDetails DatePaid=\"24/11/2026\" PayAmount=\"{}\" \
                 PeriodStart=\"09/11/2026\" PeriodEnd=\"22/11/2026\" Type=\"HB\" Payee=\"{}\" OnAct=\"N\" \
                 CTXActRef=\"{}\"/></PaymentList>",
                Pounds(2 * WEEKLY_PENCE),
                Escaped(&self.home.liable[0].surname),
                self.home.reference,
            ),
            false => String::new(),
        };
        format!("<HBPaymentDetails>{list}{}</HBPaymentDetails>", self.end("hbpaydet"))
    }
}
