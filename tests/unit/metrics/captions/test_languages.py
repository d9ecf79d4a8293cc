"""A captioner that says what people said scores 1, in every language that its tokenizer reads."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.metrics.captions import CHARACTERS, PTB, References, tokenizer_for
from diptych.text import CharTokenizer, Vocabulary, WordTokenizer

CAPTIONS = {
    "en": [
        "Two dogs' owners don't run; it's the man's 3.5 (red) tri-colored balls!",
        "A “black-and-white” cat 🐈 sleeps.",
    ],
    "am": ["ሁለት ውሾች በውሃ ውስጥ ይጫወታሉ።"],
    "ar": ["كَلْبَانِ يَلْعَبَانِ فِي المَاءِ، وَقِطَّةٌ تَنَامُ.", "رجل يركض ٣٫٥ كم؟"],
    "bn": ["দুটি কুকুর জলে খেলছে।"],
    "de": ["Zwei große Hunde spielen im Wasser – „schön“!", "Ein Mädchen läuft über die Straße, ca. 3,5 km."],
    "el": ["Δύο σκύλοι παίζουν στο νερό· Ο ΣΚΥΛΟΣ ΤΡΕΧΕΙ."],
    "es": ["¿Qué hace el niño? ¡Corre por la montaña!"],
    "fa": ["دو سگ در آب بازی می‌کنند."],
    "fi": ["Kaksi koiraa leikkii vedessä."],
    "fr": ["L'homme n’est pas là : « un chien » court aujourd'hui, qu'il pleuve…", "C'est l'été à Noël, 50 %."],
    "he": ["שְׁנֵי כְּלָבִים מְשַׂחֲקִים בַּמַּיִם.", "חייל צה״ל בתל־אביב עם ג׳ירפה"],
    "hi": ["एक लड़का घास पर दौड़ रहा है।", "दो कुत्ते पानी में खेल रहे हैं", "शक्‍ति ३.५"],
    "it": ["L'albero dell'Arno è più alto; c'è un'oca."],
    "ja": ["犬が二匹、水の中で遊んでいる。", "赤いｒｅｄ　ｂａｌｌが３個、ｶﾞﾗｽのﾃｰﾌﾞﾙ 5㎏"],
    "km": ["ឆ្កែពីរ​ក្បាលលេងក្នុងទឹក។"],
    "ko": ["개 두 마리가 물에서 놀고 있다.", normalize("NFD", "남자가 달린다")],
    "lo": ["ໝາສອງໂຕຫຼິ້ນນ້ຳ"],
    "ml": ["രണ്ട് നായ്ക്കൾ അവന്‍ വെള്ളത്തിൽ"],
    "my": ["ခွေးနှစ်ကောင် ရေထဲမှာ ကစားနေသည်။"],
    "pl": ["Dwa psy bawią się w wodzie; źdźbło."],
    "ru": ["Две собаки играют в воде — «ёж», по-русски."],
    "si": ["බල්ලන් දෙදෙනෙක් ශ්‍රී ජලයේ සෙල්ලම් කරති"],
    "ta": ["இரண்டு நாய்கள் தண்ணீரில் விளையாடுகின்றன."],
    "te": ["రెండు కుక్కలు నీటిలో ఆడుతున్నాయి"],
    "th": ["สุนัขสองตัวเล่นน้ำ กับผู้ชาย 2 คน"],
    "tr": ["İki köpek İstanbul'da suda oynuyor, IŞIK."],
    "uk": ["Дві собаки граються; м’яч і п'ять."],
    "ur": ["دو کتے پانی میں کھیل رہے ہیں۔"],
    "vi": [normalize("NFD", "Hai con chó đang chơi dưới nước."), "Một cậu bé chạy trên cỏ"],
    "zh": ["一个男孩在草地上跑步，两只狗！", "红色iPhone 12和１２３，葛\U000e0100城 👨‍👩‍👧"],
}


@pytest.mark.parametrize("tokenizer", [WordTokenizer, CharTokenizer])
@pytest.mark.parametrize("language", CAPTIONS)
def test_a_perfect_model_scores_one(language, tokenizer):
    captions = CAPTIONS[language]
    model = tokenizer(Vocabulary.of_words(word for text in captions for word in tokenizer.split(text)))
    said = {i: model.decode(model.encode(text)) for i, text in enumerate(captions)}
    references = References({i: [text] for i, text in enumerate(captions)}, tokenizer_for([language]))
    values = references.score(said).values()
    assert [values[name] for name in ("bleu_1", "bleu_4", "rouge_l")] == pytest.approx([1, 1, 1])


MARKED = st.text(alphabet="कि्ाघ़\u200dකරු\u0d4dநா்עִבְ\u05bcكَ\u0651eo\u0302\u0323").map("न{}न".format)


@given(st.lists(MARKED))
def test_letters_with_their_marks_are_one_word_of_the_treebank_too(words):
    text = " ".join(words)
    assert PTB.split(text).split() == [normalize("NFC", word) for word in words]
    assert PTB.split(WordTokenizer.join(WordTokenizer.split(text))) == PTB.split(text)


UNSPACED = "一个犬がガラーｶﾞ々สุนัขน้ข្មែរမြန်မာའབྲུ葛\U000e0100。、ＡＢ１２ab12㎏℃①½™👩‍👧 　"


@given(st.text(alphabet=UNSPACED))
def test_characters_are_the_same_however_a_tokenizer_spaces_them(text):
    assert CHARACTERS.split(WordTokenizer.join(WordTokenizer.split(text))) == CHARACTERS.split(text)
