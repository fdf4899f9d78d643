"""Published figures on BLiMP: accuracy of whole sentences by paradigm, in per cent, as in the authors' repository.

Warstadt et al. (2020), ``raw_results/summary/models_summary.jsonl`` of their repository, which corrects some figures of
the paper's tables. The LSTM is that of Gulordava et al. (2018).
"""

from __future__ import annotations

SYSTEMS = ("5-gram", "LSTM", "Transformer-XL", "GPT-2")
PARADIGMS = """
anaphor_gender_agreement anaphor_agreement 43.9 88.2 91.2 99.4
anaphor_number_agreement anaphor_agreement 51.9 95.2 97.0 99.2
animate_subject_passive argument_structure 70.3 71.5 74.3 76.6
animate_subject_trans argument_structure 90.7 86.8 88.5 84.9
causative argument_structure 53.5 68.4 57.5 78.2
drop_argument argument_structure 71.6 78.9 70.3 80.7
inchoative argument_structure 50.9 65.3 54.3 65.9
intransitive argument_structure 67.8 78.5 67.2 84.2
passive_1 argument_structure 89.2 71.9 80.6 89.3
passive_2 argument_structure 82.2 72.5 80.9 90.2
transitive argument_structure 70.8 64.7 75.8 86.0
principle_A_c_command binding 57.8 58.8 60.8 73.7
principle_A_case_1 binding 100.0 100.0 100.0 100.0
principle_A_case_2 binding 48.9 87.3 95.3 94.8
principle_A_domain_1 binding 95.2 98.3 99.1 98.4
principle_A_domain_2 binding 56.4 68.3 69.7 77.5
principle_A_domain_3 binding 52.2 55.2 60.0 75.4
principle_A_reconstruction binding 40.4 46.4 37.9 46.8
existential_there_object_raising control_raising 83.5 65.9 75.9 78.4
existential_there_subject_raising control_raising 77.4 79.5 78.7 91.1
expletive_it_object_raising control_raising 71.5 63.0 71.5 79.2
tough_vs_raising_1 control_raising 32.6 33.6 45.2 72.0
tough_vs_raising_2 control_raising 77.4 93.0 86.1 88.9
determiner_noun_agreement_1 determiner_noun_agreement 88.3 91.8 91.7 98.8
determiner_noun_agreement_2 determiner_noun_agreement 86.3 91.9 81.1 97.7
determiner_noun_agreement_irregular_1 determiner_noun_agreement 85.4 81.5 88.3 95.7
determiner_noun_agreement_irregular_2 determiner_noun_agreement 90.4 86.0 81.6 95.3
determiner_noun_agreement_with_adj_2 determiner_noun_agreement 49.7 86.2 78.1 94.9
determiner_noun_agreement_with_adj_irregular_1 determiner_noun_agreement 53.0 76.2 80.8 92.7
determiner_noun_agreement_with_adj_irregular_2 determiner_noun_agreement 55.4 82.9 76.6 94.0
determiner_noun_agreement_with_adjective_1 determiner_noun_agreement 51.9 86.7 85.9 97.5
ellipsis_n_bar_1 ellipsis 23.4 67.8 65.1 91.5
ellipsis_n_bar_2 ellipsis 50.4 67.4 89.2 87.2
wh_questions_object_gap filler_gap_dependency 52.7 79.4 60.7 84.2
wh_questions_subject_gap filler_gap_dependency 82.0 91.5 82.5 95.6
wh_questions_subject_gap_long_distance filler_gap_dependency 85.6 95.6 86.2 87.1
wh_vs_that_no_gap filler_gap_dependency 82.5 96.9 86.4 96.8
wh_vs_that_no_gap_long_distance filler_gap_dependency 81.0 97.3 91.2 93.8
wh_vs_that_with_gap filler_gap_dependency 17.6 42.8 42.0 55.1
wh_vs_that_with_gap_long_distance filler_gap_dependency 20.0 13.7 17.2 56.3
irregular_past_participle_adjectives irregular_forms 79.4 92.8 90.5 97.7
irregular_past_participle_verbs irregular_forms 79.6 85.3 65.8 86.1
adjunct_island island_effects 47.9 67.4 64.5 89.4
complex_NP_island island_effects 49.7 47.4 57.5 72.2
coordinate_structure_constraint_complex_left_branch island_effects 32.0 30.1 35.8 81.0
coordinate_structure_constraint_object_extraction island_effects 59.3 70.5 74.4 85.4
left_branch_island_echo_question island_effects 95.8 31.6 63.0 52.3
left_branch_island_simple_question island_effects 56.5 36.1 35.5 87.1
sentential_subject_island island_effects 60.5 42.8 36.5 35.5
wh_island island_effects 56.2 46.7 19.5 78.9
matrix_question_npi_licensor_present npi_licensing 1.2 1.6 0.7 65.4
npi_present_1 npi_licensing 46.8 53.6 60.5 64.8
npi_present_2 npi_licensing 46.9 53.9 48.2 64.3
only_npi_licensor_present npi_licensing 56.6 92.9 79.8 94.5
only_npi_scope npi_licensing 29.8 36.4 45.3 78.5
sentential_negation_npi_licensor_present npi_licensing 92.7 100.0 98.8 97.1
sentential_negation_npi_scope npi_licensing 44.7 23.2 53.3 73.2
existential_there_quantifiers_1 quantifiers 90.5 96.3 93.7 99.5
existential_there_quantifiers_2 quantifiers 62.3 16.2 14.0 42.4
superlative_quantifiers_1 quantifiers 44.7 62.8 84.3 87.0
superlative_quantifiers_2 quantifiers 16.5 82.6 85.2 87.2
distractor_agreement_relational_noun subject_verb_agreement 23.5 76.0 77.2 79.5
distractor_agreement_relative_clause subject_verb_agreement 21.7 62.7 59.8 65.7
irregular_plural_subject_verb_agreement_1 subject_verb_agreement 72.6 81.1 77.6 92.8
irregular_plural_subject_verb_agreement_2 subject_verb_agreement 87.6 89.1 82.7 92.4
regular_plural_subject_verb_agreement_1 subject_verb_agreement 75.5 89.0 73.1 96.7
regular_plural_subject_verb_agreement_2 subject_verb_agreement 80.9 82.5 85.3 91.0
"""
"""Paradigm, phenomenon, and the accuracy of each of ``SYSTEMS``."""
