from reviews.rules import words


def test_verbs_agree_with_the_names_before_them():
    assert (words.are("diazepam"), words.were("diazepam")) == ("is", "was")
    assert (words.are("diazepam and zopiclone"), words.were("a, b and c")) == ("are", "were")


def test_a_verb_goes_with_the_names_before_it():
    assert words.verb("diazepam", "begin") == "begins"
    assert words.verb("diazepam and zopiclone", "begin") == "begin"
    assert words.verb("lorazepam, diazepam and zopiclone", "come") == "come"
