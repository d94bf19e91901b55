"""From lesions to classes of slides and pN stages of patients, by CAMELYON17's rules, and their page."""
