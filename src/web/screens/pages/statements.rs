//! P37: help, the accessibility statement, and what is kept of whoever uses the screens.

use askama::Template;

use crate::web::screens::visit::{Answer, Frame, Visit, page};

#[derive(Template)]
#[template(path = "pages/accessibility.html")]
struct Accessibility {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "pages/help.html")]
struct Help {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "pages/privacy.html")]
struct Privacy {
    frame: Frame,
}

pub fn accessibility(visit: &Visit) -> Answer {
    page(&Accessibility { frame: visit.frame("Accessibility statement") })
}

pub fn help(visit: &Visit) -> Answer {
    page(&Help { frame: visit.frame("Help") })
}

pub fn privacy(visit: &Visit) -> Answer {
    page(&Privacy { frame: visit.frame("Privacy and cookies") })
}
