import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.operations
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '__first__'),
    ]

    operations = [
        django.contrib.postgres.operations.TrigramExtension(
        ),
        migrations.CreateModel(
            name='Practice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(max_length=40, unique=True)),
                ('name', models.CharField(max_length=200)),
                ('profile', models.CharField(choices=[('UK', 'United Kingdom'), ('US', 'United States'), ('EU', 'European Union')], max_length=2)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('profile__in', ['UK', 'US', 'EU'])), name='practice_profile_known')],
            },
        ),
        migrations.CreateModel(
            name='Patient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('family_name', models.CharField(max_length=120)),
                ('given_name', models.CharField(blank=True, max_length=120)),
                ('birth_date', models.DateField(blank=True, null=True)),
                ('sex', models.CharField(choices=[('female', 'Female'), ('male', 'Male'), ('other', 'Other'), ('unknown', 'Unknown')], default='unknown', max_length=7)),
                ('deceased_on', models.DateField(blank=True, null=True)),
                ('registered_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='patients', to='reviews.practice')),
            ],
            options={
                'indexes': [models.Index(fields=['practice', 'family_name', 'given_name', 'id'], name='reviews_pat_practic_741da1_idx'), models.Index(fields=['updated_at', 'id'], name='reviews_pat_updated_216b86_idx'), django.contrib.postgres.indexes.GinIndex(fields=['family_name', 'given_name'], name='patient_name_trigrams', opclasses=['gin_trgm_ops', 'gin_trgm_ops'])],
                'constraints': [models.CheckConstraint(condition=models.Q(('sex__in', ['female', 'male', 'other', 'unknown'])), name='patient_sex_known'), models.CheckConstraint(condition=models.Q(('deceased_on__isnull', True), ('birth_date__isnull', True), ('deceased_on__gte', models.F('birth_date')), _connector='OR'), name='patient_dies_after_birth')],
            },
        ),
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('claimed', 'Claimed'), ('snoozed', 'Snoozed'), ('escalated', 'Escalated'), ('decided', 'Decided'), ('cleared', 'Cleared')], default='queued', max_length=10)),
                ('severity', models.PositiveSmallIntegerField()),
                ('headline', models.CharField(max_length=200)),
                ('rule_ids', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=10), default=list, size=None)),
                ('flag_count', models.PositiveSmallIntegerField(default=0)),
                ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('due_at', models.DateTimeField()),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('snoozed_until', models.DateField(blank=True, null=True)),
                ('escalated_to', models.CharField(blank=True, choices=[('clinician', 'Clinician'), ('reviewer', 'Reviewer'), ('formulary_admin', 'Formulary admin'), ('auditor', 'Auditor'), ('integration_client', 'Integration client')], max_length=20)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('lock', models.PositiveIntegerField(default=1)),
                ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='cases', to=settings.AUTH_USER_MODEL)),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='reviews.patient')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['practice', 'severity', 'due_at', 'opened_at', 'id'], name='case_queue_by_practice'), models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['severity', 'due_at', 'opened_at', 'id'], name='case_queue'), models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['owner'], name='case_open_by_owner'), models.Index(fields=['patient', 'opened_at'], name='reviews_cas_patient_68e895_idx'), models.Index(fields=['updated_at', 'id'], name='reviews_cas_updated_f903ed_idx'), django.contrib.postgres.indexes.GinIndex(condition=models.Q(('closed_at__isnull', True)), fields=['rule_ids'], name='case_open_rules')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('patient',), name='case_one_open_per_patient'), models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('state__in', ('queued', 'claimed', 'snoozed', 'escalated'))), models.Q(('closed_at__isnull', False), ('state__in', ['decided', 'cleared'])), _connector='OR'), name='case_closed_with_its_state'), models.CheckConstraint(condition=models.Q(models.Q(('claimed_at__isnull', True), ('owner__isnull', True)), models.Q(('claimed_at__isnull', False), ('owner__isnull', False)), _connector='OR'), name='case_owner_with_time'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'claimed'), _negated=True), ('owner__isnull', False), _connector='OR'), name='case_claimed_has_owner'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'snoozed'), _negated=True), ('snoozed_until__isnull', False), _connector='OR'), name='case_snoozed_has_day')],
            },
        ),
        migrations.CreateModel(
            name='Condition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(max_length=300)),
                ('codings', models.JSONField(default=list)),
                ('onset_on', models.DateField(blank=True, null=True)),
                ('ended_on', models.DateField(blank=True, null=True)),
                ('status', models.CharField(default='active', max_length=16)),
                ('source_system', models.CharField(max_length=100)),
                ('source_id', models.CharField(max_length=200)),
                ('digest', models.BinaryField(max_length=16)),
                ('superseded_at', models.DateTimeField(blank=True, null=True)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('recorded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('supersedes', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='superseded_by', to='reviews.condition')),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='conditions', to='reviews.patient')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('superseded_at__isnull', True)), fields=['patient'], name='condition_live_by_patient')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('patient', 'source_system', 'source_id'), name='condition_one_live_per_source'), models.CheckConstraint(condition=models.Q(('ended_on__isnull', True), ('onset_on__isnull', True), ('ended_on__gte', models.F('onset_on')), _connector='OR'), name='condition_ends_after_onset'), models.CheckConstraint(condition=models.Q(('status__in', ['active', 'resolved', 'entered-in-error'])), name='condition_status_known')],
            },
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('decided_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('note', models.TextField(blank=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='reviews.case')),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='reviews.patient')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
            ],
            options={
                'indexes': [models.Index(fields=['patient', 'decided_at'], name='reviews_dec_patient_bddadc_idx'), models.Index(fields=['decided_at', 'id'], name='reviews_dec_decided_6fa58b_idx')],
            },
        ),
        migrations.CreateModel(
            name='RuleVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(unique=True)),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('retired', 'Retired')], default='draft', max_length=10)),
                ('book', models.JSONField()),
                ('digest', models.CharField(max_length=64)),
                ('note', models.CharField(blank=True, max_length=1000)),
                ('drafted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('drafted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('published_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'published')), fields=('state',), name='one_published_rule_version'), models.CheckConstraint(condition=models.Q(('published_at__isnull', True), ('number', 1), models.Q(('published_by__isnull', False), ('drafted_by__isnull', False), models.Q(('published_by', models.F('drafted_by')), _negated=True)), _connector='OR'), name='published_by_a_second_person'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'published'), _negated=True), ('published_at__isnull', False), _connector='OR'), name='published_has_a_time')],
            },
        ),
        migrations.CreateModel(
            name='Flag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule_id', models.CharField(max_length=10)),
                ('key', models.CharField(max_length=200)),
                ('severity', models.PositiveSmallIntegerField()),
                ('mode', models.CharField(max_length=10)),
                ('title', models.CharField(max_length=200)),
                ('sentence', models.TextField()),
                ('facts', models.JSONField(default=list)),
                ('clears', models.TextField(blank=True)),
                ('unknown', models.TextField(blank=True)),
                ('prescription_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('digest', models.CharField(max_length=32)),
                ('as_of', models.DateField()),
                ('raised_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('settled_until', models.DateField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('end_reason', models.CharField(blank=True, choices=[('cleared', 'No longer found'), ('superseded', 'Replaced by a newer finding')], max_length=10)),
                ('case', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='flags', to='reviews.case')),
                ('supersedes', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='superseded_by', to='reviews.flag')),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='flags', to='reviews.patient')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.ruleversion')),
            ],
            options={
                'indexes': [models.Index(fields=['raised_at', 'id'], name='reviews_fla_raised__d46685_idx'), models.Index(fields=['case'], name='reviews_fla_case_id_4d561c_idx'), models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['rule_id', 'practice'], name='flag_live_by_rule')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('patient', 'rule_id', 'key'), name='flag_once_while_live'), models.CheckConstraint(condition=models.Q(('severity__gte', 1), ('severity__lte', 4)), name='flag_severity_known'), models.CheckConstraint(condition=models.Q(models.Q(('end_reason', ''), ('ended_at__isnull', True)), models.Q(('ended_at__isnull', False), models.Q(('end_reason', ''), _negated=True)), _connector='OR'), name='flag_end_has_reason')],
            },
        ),
        migrations.CreateModel(
            name='DecisionItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('outcome', models.CharField(choices=[('continue', 'Continue until a date'), ('taper', 'Reduce or taper'), ('change', 'Change the medicine'), ('other_medicine', 'Review the other medicine'), ('refer', 'Refer'), ('data_wrong', 'Data wrong'), ('not_relevant', 'Not relevant')], max_length=20)),
                ('reason', models.CharField(choices=[('specialist_advice', 'Specialist advice'), ('benefit_outweighs', 'Benefit outweighs risk, plan recorded'), ('agreed_with_patient', 'Agreed with the patient'), ('already_actioned', 'Already actioned'), ('patient_declined', 'Patient declined'), ('quantity_wrong', 'Quantity or supply wrong or missing'), ('medicine_wrong', 'Medicine or code wrong'), ('not_taken', 'Not being taken'), ('not_applicable', 'Does not apply to this patient'), ('safer_alternative', 'Safer alternative available'), ('service_needed', 'Needs another service')], max_length=20)),
                ('until', models.DateField()),
                ('decision', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='items', to='reviews.decision')),
                ('flag', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='reviews.flag')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('decision', 'flag'), name='one_outcome_per_flag_and_decision'), models.CheckConstraint(condition=models.Q(('outcome__in', ['continue', 'taper', 'change', 'other_medicine', 'refer', 'data_wrong', 'not_relevant'])), name='decision_outcome_known'), models.CheckConstraint(condition=models.Q(('reason__in', ['specialist_advice', 'benefit_outweighs', 'agreed_with_patient', 'already_actioned', 'patient_declined', 'quantity_wrong', 'medicine_wrong', 'not_taken', 'not_applicable', 'safer_alternative', 'service_needed'])), name='decision_reason_known')],
            },
        ),
        migrations.CreateModel(
            name='Identifier',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('system', models.CharField(max_length=200)),
                ('value', models.CharField(max_length=100)),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='identifiers', to='reviews.patient')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
            ],
            options={
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['value'], name='identifier_trigrams', opclasses=['gin_trgm_ops'])],
                'constraints': [models.UniqueConstraint(fields=('practice', 'system', 'value'), name='identifier_once_per_practice')],
            },
        ),
        migrations.CreateModel(
            name='Medicine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=32, unique=True)),
                ('text', models.CharField(max_length=500)),
                ('codings', models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('clinician', 'Clinician'), ('reviewer', 'Reviewer'), ('formulary_admin', 'Formulary admin'), ('auditor', 'Auditor'), ('integration_client', 'Integration client')], max_length=20)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='reviews.practice')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'practice', 'role'), name='membership_once_per_role'), models.CheckConstraint(condition=models.Q(('role__in', ['clinician', 'reviewer', 'formulary_admin', 'auditor', 'integration_client'])), name='membership_role_known')],
            },
        ),
        migrations.CreateModel(
            name='Prescription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('order_id', models.UUIDField(default=uuid.uuid4)),
                ('version', models.PositiveIntegerField(default=1)),
                ('superseded_at', models.DateTimeField(blank=True, null=True)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('source_system', models.CharField(max_length=100)),
                ('source_id', models.CharField(max_length=200)),
                ('digest', models.BinaryField(max_length=16)),
                ('dose', models.DecimalField(blank=True, decimal_places=4, max_digits=12, null=True)),
                ('dose_unit', models.CharField(blank=True, choices=[('mg', 'mg'), ('microgram', 'microgram'), ('g', 'g'), ('ml', 'ml'), ('tablet', 'tablet'), ('capsule', 'capsule'), ('patch', 'patch'), ('drop', 'drop'), ('spray', 'spray'), ('suppository', 'suppository'), ('unit', 'unit')], max_length=12)),
                ('times_per_day', models.DecimalField(blank=True, decimal_places=4, max_digits=8, null=True)),
                ('as_needed', models.BooleanField(default=False)),
                ('max_per_day', models.DecimalField(blank=True, decimal_places=4, max_digits=12, null=True)),
                ('expected_per_day', models.DecimalField(blank=True, decimal_places=4, max_digits=12, null=True)),
                ('dosage_text', models.CharField(blank=True, max_length=1000)),
                ('quantity', models.DecimalField(blank=True, decimal_places=4, max_digits=12, null=True)),
                ('quantity_unit', models.CharField(blank=True, choices=[('mg', 'mg'), ('microgram', 'microgram'), ('g', 'g'), ('ml', 'ml'), ('tablet', 'tablet'), ('capsule', 'capsule'), ('patch', 'patch'), ('drop', 'drop'), ('spray', 'spray'), ('suppository', 'suppository'), ('unit', 'unit')], max_length=12)),
                ('days_supply', models.PositiveIntegerField(blank=True, null=True)),
                ('written_on', models.DateField(blank=True, null=True)),
                ('start_on', models.DateField(blank=True, null=True)),
                ('end_on', models.DateField(blank=True, null=True)),
                ('indication', models.CharField(default='unknown', max_length=40)),
                ('route', models.CharField(blank=True, max_length=40)),
                ('setting', models.CharField(choices=[('community', 'Community'), ('inpatient', 'In-patient'), ('procedural', 'Procedure'), ('unsupervised', 'Community, unsupervised'), ('unknown', 'Not known')], default='community', max_length=12)),
                ('status', models.CharField(choices=[('active', 'Active'), ('on-hold', 'On hold'), ('cancelled', 'Cancelled'), ('completed', 'Completed'), ('entered-in-error', 'Entered in error'), ('stopped', 'Stopped'), ('draft', 'Draft'), ('unknown', 'Unknown')], default='active', max_length=16)),
                ('status_reason', models.CharField(blank=True, max_length=500)),
                ('dispensed', models.BooleanField(default=False)),
                ('prescriber_name', models.CharField(blank=True, max_length=200)),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('medicine', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.medicine')),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='prescriptions', to='reviews.patient')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('prescriber', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='prescriptions', to=settings.AUTH_USER_MODEL)),
                ('recorded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('supersedes', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='superseded_by', to='reviews.prescription')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('superseded_at__isnull', True)), fields=['patient'], name='prescription_live_by_patient'), models.Index(fields=['patient', 'order_id'], name='reviews_pre_patient_026a51_idx'), models.Index(fields=['recorded_at', 'id'], name='reviews_pre_recorde_143b0c_idx')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('order_id',), name='prescription_one_live_version'), models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('practice', 'source_system', 'source_id'), name='prescription_one_live_per_source'), models.UniqueConstraint(fields=('order_id', 'version'), name='prescription_version_once'), models.CheckConstraint(condition=models.Q(models.Q(('dose__isnull', True), ('dose__gt', 0), _connector='OR'), models.Q(('times_per_day__isnull', True), ('times_per_day__gt', 0), _connector='OR'), models.Q(('max_per_day__isnull', True), ('max_per_day__gt', 0), _connector='OR'), models.Q(('expected_per_day__isnull', True), ('expected_per_day__gt', 0), _connector='OR'), models.Q(('quantity__isnull', True), ('quantity__gt', 0), _connector='OR')), name='prescription_amounts_positive'), models.CheckConstraint(condition=models.Q(('end_on__isnull', True), ('start_on__isnull', True), ('end_on__gte', models.F('start_on')), _connector='OR'), name='prescription_ends_after_start'), models.CheckConstraint(condition=models.Q(('status__in', ['active', 'on-hold', 'cancelled', 'completed', 'entered-in-error', 'stopped', 'draft', 'unknown'])), name='prescription_status_known'), models.CheckConstraint(condition=models.Q(('indication__in', ['anxiety', 'anxiety_mild', 'anxiety_crisis', 'gad', 'panic_disorder', 'insomnia', 'muscle_spasm_acute', 'spasticity_neurological', 'epilepsy_adjunct', 'seizure_rescue', 'alcohol_withdrawal', 'premedication', 'procedure', 'agitation', 'catatonia', 'rem_sleep_behaviour_disorder', 'restless_legs', 'depression_alone', 'phobia', 'ocd', 'ptsd', 'psychosis_chronic', 'bereavement', 'back_pain_acute', 'pain', 'palliative', 'opioid_dependence', 'other', 'unknown'])), name='prescription_indication_known'), models.CheckConstraint(condition=models.Q(models.Q(('source_system', 'portal'), ('status__in', ('cancelled', 'entered-in-error', 'stopped')), _negated=True), models.Q(('status_reason', ''), _negated=True), _connector='OR'), name='prescription_withdrawal_has_reason')],
            },
        ),
        migrations.CreateModel(
            name='ScreeningRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=40)),
                ('requested_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('priority', models.PositiveSmallIntegerField(choices=[(0, 'Change'), (1, 'Bulk')], default=0)),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='requests', to='reviews.patient')),
            ],
            options={
                'indexes': [models.Index(fields=['priority', 'patient', 'not_before'], name='reviews_scr_priorit_03d1aa_idx'), models.Index(fields=['requested_at'], name='reviews_scr_request_2f73b4_idx')],
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('source_system', models.SlugField(max_length=60)),
                ('prefix', models.CharField(max_length=12, unique=True)),
                ('key_hash', models.CharField(max_length=64, unique=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('revoked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to=settings.AUTH_USER_MODEL)),
                ('practices', models.ManyToManyField(related_name='api_keys', to='reviews.practice')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('revoked_at__isnull', True), ('revoked_by__isnull', True)), models.Q(('revoked_at__isnull', False), ('revoked_by__isnull', False)), _connector='OR'), name='key_revoked_by_somebody')],
            },
        ),
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('actor_id', models.BigIntegerField(null=True)),
                ('actor', models.CharField(max_length=200)),
                ('verb', models.CharField(max_length=60)),
                ('practice_id', models.BigIntegerField(null=True)),
                ('patient_id', models.BigIntegerField(null=True)),
                ('subject', models.CharField(blank=True, max_length=80)),
                ('detail', models.JSONField(default=dict)),
            ],
            options={
                'indexes': [models.Index(fields=['patient_id', 'id'], name='reviews_aud_patient_600b95_idx'), models.Index(fields=['practice_id', 'id'], name='reviews_aud_practic_ad883c_idx')],
            },
        ),
        migrations.CreateModel(
            name='PatientScreening',
            fields=[
                ('patient', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='screening', serialize=False, to='reviews.patient')),
                ('as_of', models.DateField(null=True)),
                ('screened_at', models.DateTimeField(null=True)),
                ('valid_until', models.DateField(null=True)),
                ('not_evaluable', models.JSONField(default=list)),
                ('exposure', models.JSONField(null=True)),
                ('problem', models.CharField(blank=True, max_length=500)),
                ('version', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.ruleversion')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('valid_until__isnull', False)), fields=['valid_until'], name='screening_by_validity'), models.Index(condition=models.Q(('problem', ''), _negated=True), fields=['patient'], name='screening_problems')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='auditevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='98dc7e617198dd41fa9f9ed63715d0a0fcf5572f', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_498aa', table='reviews_auditevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='medicine',
            trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f910a8b6091c32cbc37c6e87c96266060de7dee0', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_cef63', table='reviews_medicine', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='decisionitem',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d172d804aa60efbb6012ef09ffb359d8d157fbfd', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_9e0a7', table='reviews_decisionitem', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='condition',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='89d7508a98f6de4b2e4a52a2ad779f76363b0d73', operation='DELETE', pgid='pgtrigger_no_delete_58d5f', table='reviews_condition', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='condition',
            trigger=pgtrigger.compiler.Trigger(name='history_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."superseded_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='0443ba832c53b1053b3dcecc64467a07c85c8596', operation='UPDATE', pgid='pgtrigger_history_is_frozen_ee832', table='reviews_condition', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='condition',
            trigger=pgtrigger.compiler.Trigger(name='only_superseding', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."patient_id" IS DISTINCT FROM (NEW."patient_id") OR OLD."text" IS DISTINCT FROM (NEW."text") OR OLD."codings" IS DISTINCT FROM (NEW."codings") OR OLD."onset_on" IS DISTINCT FROM (NEW."onset_on") OR OLD."ended_on" IS DISTINCT FROM (NEW."ended_on") OR OLD."status" IS DISTINCT FROM (NEW."status") OR OLD."source_system" IS DISTINCT FROM (NEW."source_system") OR OLD."source_id" IS DISTINCT FROM (NEW."source_id") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."supersedes_id" IS DISTINCT FROM (NEW."supersedes_id") OR OLD."recorded_at" IS DISTINCT FROM (NEW."recorded_at") OR OLD."recorded_by_id" IS DISTINCT FROM (NEW."recorded_by_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ea5549a005837cdf543a4f6c8982eaa4d660910c', operation='UPDATE', pgid='pgtrigger_only_superseding_d72f3', table='reviews_condition', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='decision',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a4890d8ce34815165d30c49d7c7e318c99488410', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_fbc9d', table='reviews_decision', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='case',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='8bee343ff62617714d8bb9d5f57a34f6822d5f2b', operation='DELETE', pgid='pgtrigger_no_delete_84996', table='reviews_case', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='prescription',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='3db7e57417513d60197abf09e3c004862a11fa35', operation='DELETE', pgid='pgtrigger_no_delete_44c80', table='reviews_prescription', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='prescription',
            trigger=pgtrigger.compiler.Trigger(name='history_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."superseded_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='5c465eac7bdc5202dba31a1c02ca64566b5cb627', operation='UPDATE', pgid='pgtrigger_history_is_frozen_38e40', table='reviews_prescription', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='prescription',
            trigger=pgtrigger.compiler.Trigger(name='only_superseding', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."patient_id" IS DISTINCT FROM (NEW."patient_id") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."medicine_id" IS DISTINCT FROM (NEW."medicine_id") OR OLD."order_id" IS DISTINCT FROM (NEW."order_id") OR OLD."version" IS DISTINCT FROM (NEW."version") OR OLD."supersedes_id" IS DISTINCT FROM (NEW."supersedes_id") OR OLD."recorded_at" IS DISTINCT FROM (NEW."recorded_at") OR OLD."recorded_by_id" IS DISTINCT FROM (NEW."recorded_by_id") OR OLD."source_system" IS DISTINCT FROM (NEW."source_system") OR OLD."source_id" IS DISTINCT FROM (NEW."source_id") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."dose" IS DISTINCT FROM (NEW."dose") OR OLD."dose_unit" IS DISTINCT FROM (NEW."dose_unit") OR OLD."times_per_day" IS DISTINCT FROM (NEW."times_per_day") OR OLD."as_needed" IS DISTINCT FROM (NEW."as_needed") OR OLD."max_per_day" IS DISTINCT FROM (NEW."max_per_day") OR OLD."expected_per_day" IS DISTINCT FROM (NEW."expected_per_day") OR OLD."dosage_text" IS DISTINCT FROM (NEW."dosage_text") OR OLD."quantity" IS DISTINCT FROM (NEW."quantity") OR OLD."quantity_unit" IS DISTINCT FROM (NEW."quantity_unit") OR OLD."days_supply" IS DISTINCT FROM (NEW."days_supply") OR OLD."written_on" IS DISTINCT FROM (NEW."written_on") OR OLD."start_on" IS DISTINCT FROM (NEW."start_on") OR OLD."end_on" IS DISTINCT FROM (NEW."end_on") OR OLD."indication" IS DISTINCT FROM (NEW."indication") OR OLD."route" IS DISTINCT FROM (NEW."route") OR OLD."setting" IS DISTINCT FROM (NEW."setting") OR OLD."status" IS DISTINCT FROM (NEW."status") OR OLD."status_reason" IS DISTINCT FROM (NEW."status_reason") OR OLD."dispensed" IS DISTINCT FROM (NEW."dispensed") OR OLD."prescriber_id" IS DISTINCT FROM (NEW."prescriber_id") OR OLD."prescriber_name" IS DISTINCT FROM (NEW."prescriber_name") OR OLD."reason" IS DISTINCT FROM (NEW."reason"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ec599e73d48ae8f15f466b881c3e300b33b91257', operation='UPDATE', pgid='pgtrigger_only_superseding_37b68', table='reviews_prescription', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='2687d128c588ef56515d6ee22a33aaa8fdb4163b', operation='DELETE', pgid='pgtrigger_no_delete_30439', table='reviews_ruleversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."number" IS DISTINCT FROM (NEW."number") OR OLD."book" IS DISTINCT FROM (NEW."book") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."drafted_by_id" IS DISTINCT FROM (NEW."drafted_by_id") OR OLD."drafted_at" IS DISTINCT FROM (NEW."drafted_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='66cd6dee09e9955278fd3afedf6cc194b30bde59', operation='UPDATE', pgid='pgtrigger_frozen_97c5a', table='reviews_ruleversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='flag',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='a14f9544d3678ccf61ad6a54e7caf56e7ef68042', operation='DELETE', pgid='pgtrigger_no_delete_315c5', table='reviews_flag', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='flag',
            trigger=pgtrigger.compiler.Trigger(name='history_is_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."ended_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='88c5e0ef68156322303e7e92f54bcfb9a58ed344', operation='UPDATE', pgid='pgtrigger_history_is_frozen_f231c', table='reviews_flag', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='flag',
            trigger=pgtrigger.compiler.Trigger(name='only_settled_or_ended', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."patient_id" IS DISTINCT FROM (NEW."patient_id") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."key" IS DISTINCT FROM (NEW."key") OR OLD."severity" IS DISTINCT FROM (NEW."severity") OR OLD."mode" IS DISTINCT FROM (NEW."mode") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."sentence" IS DISTINCT FROM (NEW."sentence") OR OLD."facts" IS DISTINCT FROM (NEW."facts") OR OLD."clears" IS DISTINCT FROM (NEW."clears") OR OLD."unknown" IS DISTINCT FROM (NEW."unknown") OR OLD."prescription_ids" IS DISTINCT FROM (NEW."prescription_ids") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."version_id" IS DISTINCT FROM (NEW."version_id") OR OLD."as_of" IS DISTINCT FROM (NEW."as_of") OR OLD."raised_at" IS DISTINCT FROM (NEW."raised_at") OR OLD."supersedes_id" IS DISTINCT FROM (NEW."supersedes_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='00627bb458d9eafc4036716e0507fe0db54229d0', operation='UPDATE', pgid='pgtrigger_only_settled_or_ended_f45a0', table='reviews_flag', when='BEFORE')),
        ),
    ]
