"""The rules of Penn Treebank tokens in captions: what is one word, and where one word is cut in two.

A rule is a pattern whose first group is the token; what it matches beyond the group must follow, counts for the length
of the match, and is read again. The rules come from the conventions of the Penn Treebank and from how Stanford's
tokenizer answers probes; they hold no captions.
"""

import regex

_APOSTROPHE = "['’\u0092]"
# A letter of any script or a mark on it; joiners count between two of them.
_SIGN = "(?![0-9²³¹⁰-₉½¼¾⅐-⅞\u20d0-\u20ff\ufe00-\ufe0f])[\\p{L}\\p{N}\\p{M}]"
_LETTER = f"(?:{_SIGN}|(?<={_SIGN})[\u200c\u200d]+(?={_SIGN}))"
_ENDS = f"(?!{_LETTER})"
_ALNUM = f"(?:{_LETTER}|[0-9])"
_WORD = f"{_LETTER}{_ALNUM}*(?:[.!?]{_LETTER}{_ALNUM}*)*"
_PART = f"(?:[djlo]{_APOSTROPHE}(?={_ALNUM}))?{_ALNUM}+"
_SLASHED = "[a-z0-9]+(?:-[a-z]+){0,2}"
_NUMBER = "(?:[0-9]*(?:[.:,][0-9]+)+|[0-9]+)"
_FRACTION = "(?:[0-9]{1,4}[- \u00a0])?[0-9]{1,4}/[0-9]{1,4}"
_AREA_CODE = "(?:\\([0-9]{2,3}\\)[ \u00a0]?|(?:[0-9]{2,4}[- \u00a0])?[0-9]{2,4}[- \u00a0])"
_AROUND = '\\s"<>|(){}'  # what may stand around an address, but not in it
_HOST = "[a-z0-9-]+(?:\\.[a-z0-9-]+)*"

# Everyday abbreviations to which the full stop belongs: months, days, titles, ranks, streets, states, companies, Latin.
_ABBREVIATIONS = (
    "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tues?|wed|thu|thurs|fri"
    "|mrs?|ms|drs?|profs?|rev|hon|pres|govs?|sens?|reps?|asst|assoc|adm|brig"
    "|capt|cmdr|col|cpl|gen|lieut|lt|maj|pvt|sgt|jr|sr|esq|ph\\.d"
    "|ave|blvd|bldg|ct|ft|mt|rd|sq|ste?|univ"
    "|ala|ariz|calif|colo|conn|dak|fla|ga|ind|kans?|ky|md|mich|minn|mo|mont|neb|nev|okla|penn|tenn|va|vt|wisc?|wyo"
    "|bros|cos?|corp|dept|inc|intl|ltd|natl"
    "|al|est|etc|ext|tel|vs"
    "|[a-z]"
)
_IF_CAPITAL = "Ark|Del|Ill|La|Mass|Miss|Ore|Pa|Tex|Wash"
_SENTENCE_STARTS = (
    "A|An|The|This|That|These|There|Here|He|She|It|We|You|They|Her|Our|Their|In|At|As|After|Since|But|So|Yet|However|If"
    "|When|While|What|Now|Then|Once|Some|Many|One|Other|Such"
)
_BEFORE_NUMBERS = "nos?|figs?|pp|op|art|prop|ca"

_PATTERNS = (
    # words that are cut in two, and the second halves of some
    f"({_WORD}){_APOSTROPHE}(?:[dms]|ll|re|ve){_ENDS}",
    f"({_APOSTROPHE}(?:[dms]|ll|re|ve)){_ENDS}",
    f"({_LETTER}*(?!n){_LETTER})n['’`‘]t{_ENDS}",
    f"(n['’`‘]t){_ENDS}",
    "((?:can(?=not)|gon(?=na)|wan(?=na)|got(?=ta)|gim(?=me)|lem(?=me)))(?:not|na|ta|me)",
    f"({_APOSTROPHE}t)(?:is|was)",
    f"(more){_APOSTROPHE}n{_ENDS}",
    f"(y{_APOSTROPHE})(?={_LETTER})",
    # words with an apostrophe
    f"({_APOSTROPHE}n{_APOSTROPHE}|{_APOSTROPHE}(?:n|em|till?|cause){_ENDS}|{_APOSTROPHE}[2-9]0s{_ENDS})",
    f"({_APOSTROPHE}[0-9][0-9])(?!\\S)",
    f"((?:c{_APOSTROPHE}mon|ol{_APOSTROPHE}|li{_APOSTROPHE}l|s{_APOSTROPHE}(?:mores|pore)|nor{_APOSTROPHE}easter){_ENDS})",
    f"((?:dunkin|somethin){_APOSTROPHE}){_ENDS}",
    f"((?-i:{_LETTER}+[aeiouyAEIOUY]{_APOSTROPHE}[aeiouA-Z]{_LETTER}*))",
    # words, hyphenated words and words with marks inside
    f"({_WORD})",
    f"({_WORD}\\.)[,;:]",
    f"({_PART}(?:-{_PART})*)",
    "([a-z0-9][a-z0-9.,]*(?:-(?:[a-z0-9]+|[a-z](?:\\.[a-z])+\\.))+)",
    f"({_SLASHED}(?:/{_SLASHED}){{1,2}})",
    "((?-i:[A-Z]+(?:[+&][A-Z]+)+))",
    "([a-z0-9]+(?:[-_][a-z0-9]+)+)",
    # abbreviations
    f"((?:{_ABBREVIATIONS})\\.)",
    f"((?-i:{_IF_CAPITAL}|{_IF_CAPITAL.upper()})\\.)",
    "([a-z](?:\\.[a-z])+\\.)",
    f"([a-z])\\.\\s+(?-i:{_SENTENCE_STARTS}|{_SENTENCE_STARTS.upper()})\\s",
    f"((?:{_BEFORE_NUMBERS})\\.)(?=\\s*[0-9])",
    # numbers, money, telephones
    f"([-+]?{_NUMBER})",
    f"({_FRACTION})",
    f"({_AREA_CODE}[0-9]{{3,4}}[- \u00a0]?[0-9]{{3,5}})",
    "((?-i:[A-Z]*)\\$)",
    # the web
    f"((?:https?://)?(?:{_HOST}\\.)(?:com|net|org|edu)(?:/[^\\s,]*)?|https?://{_HOST}\\.[a-z]{{2,4}}(?:/[^\\s,]*)?)",
    f"([a-z0-9][^{_AROUND}]*@(?:[^.{_AROUND}]+\\.)*[^.{_AROUND}]+)",
    f"(@[a-z_]\\w*|#{_LETTER}+)",
    "(</?[a-z!][^<>]*>)",
    # marks
    "([<>]?[:;=][-o*']?(?-i:[()DPdpO\\\\{@|\\[\\]]))(?![a-z0-9])",
    "(\\^_\\^|[!?]{2,}|\\.{2,}|-{2,}|_+|\\*+|\\#+)",
    "(.)",
)
RULES = tuple(regex.compile(pattern, regex.IGNORECASE | regex.DOTALL) for pattern in _PATTERNS)
