"""Titles and pronouns of English: words of closed classes that the features treat apart."""

from __future__ import annotations

_TITLES = (
    "mr mrs ms miss dr sir lady lord madam madame monsieur mademoiselle herr frau signor signora captain colonel major "
    "general lieutenant sergeant professor doctor master mister st rev reverend hon prince princess king queen"
)
TITLES = frozenset(_TITLES.split())
_PRONOUNS = (
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves thou thee thy thine thyself ye he "
    "him his himself she her hers herself it its itself they them their theirs themselves i'm i'd i'll i've we're we'd "
    "we'll we've you're you'd you'll you've he's he'd he'll she's she'd she'll it's it'd it'll they're they'd they'll "
    "they've"
)
PRONOUNS = frozenset(_PRONOUNS.split())
