//! Customer relations: what premium brings beside the content. It tells the loyalty programme and the newsletter, joins their
//! answers, and says honestly what could not be arranged.

pub mod events;
pub mod newsletter;

/// How often a decision is made anew when somebody else wrote in between.
const CONFLICTS: u32 = 10;
