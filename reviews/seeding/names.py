"""Names for invented people, in two generations: at 84 one is an Edith and not a Kayla."""

import random
from datetime import date


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FAMILY = _words(
    """
    Abara Achterberg Adeyemi Ahmed Allardyce Almeida Andersson Armitage Ashworth Baptiste Barlow
    Begum Bell Bianchi Blackwood Boateng Brannigan Brennan Brooks Byrne Cadwallader Calloway
    Campbell Carmichael Castellanos Chaudhry Chen Coleman Connolly Costa Cunningham Dacosta Dalton
    Danjuma Davies Delaney Devlin Diallo Donnelly Drummond Dunmore Eastwood Ellison Eriksen Espinoza
    Fairbairn Farrell Fashola Ferreira Finnegan Fitzgerald Fofana Foster Galbraith Gallagher Garcia
    Gill Goldberg Gomez Greenhalgh Griffiths Gunawardena Gupta Haddad Halloran Hamilton Hartley
    Hassan Hayashi Henderson Hernandez Hollis Holt Hughes Hussain Ibrahim Ingram Iqbal Jablonski
    Jackson James Jansen Johansson Johnson Jones Joshi Kamara Kapoor Kavanagh Keane Kelleher Kim
    Kowalski Kumar Lacey Lam Langley Larsen Lawal Lazarus Lewis Lindqvist Llewellyn Lopez Lowe
    Macdonald Mackenzie Maguire Malik Marchetti Marlowe Martinez Mbeki Mcallister Mensah Mercer
    Mitchell Mohamed Moran Morgan Mulligan Murphy Mwangi Nakamura Nguyen Nowak Nwosu Oakley Obrien
    Odonnell Ogunleye Okafor Okonkwo Olsen Ortega Osei Osullivan Owens Papadopoulos Park Parkinson
    Patel Pereira Petrov Pham Phiri Popescu Prescott Pryce Quinn Quigley Rahman Ramirez Reilly
    Reyes Ricketts Robinson Rodriguez Rossi Rowntree Ryan Saeed Salgado Sandhu Santos Schneider
    Shah Sharma Sheridan Sidhu Silva Simmons Sinclair Singh Sorensen Stapleton Suleiman Suzuki
    Swift Szabo Takahashi Taylor Tembo Thompson Tran Treloar Trevithick Tunstall Underhill Vance
    Vargas Vasquez Verma Wadsworth Walker Walsh Wang Washington Watanabe Weaver Whitfield Wiltshire
    Winterbourne Wojcik Woodhouse Wright Yeboah Yilmaz York Zielinski Zhang
    """
)

OLDER = {
    "female": _words(
        """
        Agnes Alice Amina Audrey Barbara Beatrice Beryl Betty Brenda Bridget Carmen Catherine
        Constance Doreen Doris Dorothy Edith Edna Eileen Elsie Enid Esther Ethel Fatima Florence
        Gloria Grace Gwendoline Harpreet Hazel Hilda Irene Ivy Jean Joan Josephine Joyce Kamala
        Kathleen Lakshmi Lilian Lourdes Mabel Maeve Marjorie Martha Mary Maureen Mei Mildred Muriel
        Nora Olive Pamela Patricia Pauline Pearl Phyllis Rosa Ruth Sheila Shirley Sylvia Teresa
        Vera Veronica Winifred Yvonne Zofia
        """
    ),
    "male": _words(
        """
        Abdul Albert Alfred Anil Arthur Bernard Brian Cecil Charles Clifford Colin Cyril Dennis
        Derek Desmond Donald Douglas Eamon Edward Edwin Ernest Francis Frank Frederick Geoffrey
        George Gerald Gordon Graham Gurdip Harold Henry Herbert Hugh Ignacio Ivor Jack Jerzy John
        Joseph Keith Kenneth Kwame Leonard Leslie Luigi Malcolm Manuel Maurice Mohammed Neville
        Norman Patrick Percy Peter Philip Rafael Ramesh Raymond Reginald Robert Roland Ronald Roy
        Seamus Sidney Stanley Sydney Thomas Trevor Walter Wilfred William
        """
    ),
}

YOUNGER = {
    "female": _words(
        """
        Abigail Aaliyah Aisha Alexandra Amelia Amy Ana Andrea Anjali Aoife Ashley Bethany Camila
        Caoimhe Chantelle Charlotte Chloe Ciara Claire Danielle Ebony Eilidh Eleanor Elena Emily
        Emma Folasade Freya Gabriela Georgia Hannah Holly Imani Isabel Jade Jasmine Jessica Kayla
        Keisha Kirsty Laura Layla Leah Lucy Magdalena Maria Megan Mia Michelle Molly Nadia Naomi
        Natalie Niamh Nicole Olivia Orla Priya Rachel Rebecca Rhiannon Roisin Samantha Sara Shanice
        Sinead Siobhan Sofia Sophie Stephanie Tamsin Tanya Vanessa Victoria Yasmin Zara
        """
    ),
    "male": _words(
        """
        Aaron Adam Alejandro Amir Andre Andrew Anthony Ben Brandon Callum Carlos Christopher
        Cian Connor Craig Curtis Daniel Darius David Declan Dominic Dylan Emeka Eoin Ethan Finn
        Gareth Hamza Harry Hassan Ian Ibrahim Imran Isaac Jack Jacob Jamal James Jason Jonathan
        Jorge Joshua Kevin Kieran Kofi Kyle Lee Liam Lucas Luke Malik Marcus Marek Mark Matthew
        Michael Miguel Nathan Nikhil Oisin Oliver Omar Owen Pablo Piotr Rajesh Rhys Ross Ryan Samuel
        Sean Sebastian Stephen Stuart Tariq Terrell Tomasz Tyler Vikram Wei Xavier Yusuf Zachary
        """
    ),
}

SPELT = {
    "Obrien": "O'Brien",
    "Odonnell": "O'Donnell",
    "Osullivan": "O'Sullivan",
    "Mcallister": "McAllister",
    "Macdonald": "MacDonald",
    "Dacosta": "Da Costa",
}


def full_name(rng: random.Random, *, sex: str, born: date) -> tuple[str, str]:
    """`(family name, given name)`, the given name of the person's generation."""
    family = rng.choice(FAMILY)
    given = (OLDER if born.year < 1962 else YOUNGER)["male" if sex == "male" else "female"]
    return SPELT.get(family, family), rng.choice(given)
