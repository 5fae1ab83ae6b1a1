//! Every operation that is used, by what it is for. Those about an account can be asked only of the account
//! that is looked at.

use super::calls::Question;
use super::fault::Fault;
use super::reply::Reply;
use super::session::{Pinned, Selected};

/// Which history of benefit payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payments {
    HousingBenefit,
    CouncilTaxSupport,
}

impl Pinned {
    /// The person, and the council tax accounts that are theirs.
    pub async fn accounts(&mut self) -> Result<Reply, Fault> {
        let reply =
            self.ask(&Question::new("ctxsel", &[], &["CtaxSelectDoc", "CtaxActList"])).await?;
        let name = reply.find("PersonName");
        // Every lookup begins here: what does not say whose it is may be anybody's.
        match name.map(|name| reply.text_below(name, "PersonReference")) {
            Some(reference) if !reference.is_empty() => Ok(reply),
            _ => Err(Fault::Mixed("a list that does not say whose it is")),
        }
    }

    /// Bills and letters to the person.
    pub async fn documents(&mut self) -> Result<Reply, Fault> {
        let wants = &["Documents", "DocumentList", "Document"];
        self.ask(&Question::new("viewdoc", &[("type", "all")], wants).a_list()).await
    }

    /// One of them, as PDF; none where it is empty.
    pub async fn document(&mut self, id: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.fetch(&Question::new("docdl", &[("document", id)], &[])).await
    }

    /// The person's benefit claims. The one operation that is posted.
    pub async fn claims(&mut self) -> Result<Reply, Fault> {
        let wants = &["HBSelectDoc", "HBClaimList"];
        self.ask(&Question::new("hbsel", &[], wants).posted("claimsts=All")).await
    }

    /// One claim. Its reference must be the one that was asked for; an error inside is the claim's.
    pub async fn claim(&mut self, claim: &str, place: &str) -> Result<Reply, Fault> {
        let parameters = [("claimref", claim), ("placeref", place)];
        let reply = self.ask(&Question::new("hbdet", &parameters, &["HBClaimDetails"])).await?;
        if reply.error().is_some() {
            return Err(Fault::Said);
        }
        match reply.find("HBClaimRef").map(|node| reply.text(node)) {
            Some(shown) if shown == claim => Ok(reply),
            _ => Err(Fault::Mixed("another claim's data")),
        }
    }

    /// What was paid. The list is left out where there was nothing.
    pub async fn payments(&mut self, of: Payments) -> Result<Reply, Fault> {
        let of = match of {
            Payments::HousingBenefit => "prp",
            Payments::CouncilTaxSupport => "ctp",
        };
        self.ask(&Question::new("hbpaydet", &[("type", of)], &["HBPaymentDetails"])).await
    }
}

impl Selected<'_> {
    /// The account's sums for one year, by the calendar year in which it begins.
    pub async fn year(&mut self, year: i32) -> Result<Reply, Fault> {
        let (account, year) = (self.account().to_owned(), year.to_string());
        let parameters = [("actref", account.as_str()), ("year", year.as_str())];
        self.ask(&Question::new("ctxdet", &parameters, &["CtaxDetails"])).await
    }

    /// What was charged and paid in that year.
    pub async fn transactions(&mut self, year: i32) -> Result<Reply, Fault> {
        let year = year.to_string();
        let parameters = [("recyear", year.as_str()), ("trantype", "All")];
        self.ask(&Question::new("ctxtrn", &parameters, &["TranList", "Transaction"]).a_list()).await
    }

    /// The plan of instalments of that year.
    pub async fn instalments(&mut self, year: i32) -> Result<Reply, Fault> {
        let year = year.to_string();
        let parameters = [("recno", "1"), ("module", "C"), ("recyear", year.as_str())];
        let wants = &["IRInstalments", "InstalmentList"];
        self.ask(&Question::new("irins", &parameters, wants).a_list()).await
    }

    /// The properties on the account. It names its account, and must: asked last, it shows that nobody else
    /// moved the cursor meanwhile.
    pub async fn properties(&mut self) -> Result<Reply, Fault> {
        let wants = &["CtaxPropDetails", "PropertyList"];
        let reply = self.ask(&Question::new("ctxprop", &[("proplist", "y")], wants)).await?;
        match reply.find("CtxActRef") {
            Some(_) => Ok(reply),
            None => Err(Fault::Mixed("properties that do not say whose they are")),
        }
    }
}
