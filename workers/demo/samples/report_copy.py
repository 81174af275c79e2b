"""The words of the report: prose, tables and figures, invented for this sample."""

TITLE = "Shade on Every Street"
SUBTITLE = "What three summers of measurement say about trees and heat"
SERIES = "ALDER FALLS CLIMATE OFFICE"
NUMBER = "Technical Report 14, September 2025"
AUTHORS = "Maren Hollis, Tomas Brandt and Yuki Sato"

SUMMARY = (
    "Between 2023 and 2025 we logged the air and surface temperature of forty streets every ten minutes. "
    "Streets where crowns cover at least a third of the pavement stayed 3.8 degrees cooler on summer "
    "afternoons than open streets of the same width. The effect is large, cheap and close to the people "
    "who need it most. This report explains how we measured it and what we recommend."
)

BACKGROUND = (
    "The old centre of Alder Falls was built of dark brick and paved with granite. Both materials store "
    "warmth during the day and return it at night, so that the streets around Market Square are often "
    "four degrees warmer at midnight than the meadows along the river. Hospital records show that calls "
    "for heat related illness double once the night temperature stays above twenty degrees.",
    "Trees work against this in two ways. Their crowns keep sunlight from reaching the ground, and their "
    "leaves evaporate water, which takes heat out of the air. How much of either effect reaches a person "
    "walking by depends on the width of the street, the height of the houses and the wind. Models "
    "disagree, and few towns of our size have measured it. We therefore chose to count degrees, not "
    "opinions.",
)

STREETS = (
    ("Street", "Width (m)", "Trees", "Crown cover", "Mean high (C)"),
    ("Granary Row", "12.5", "48", "61 %", "27.4"),
    ("Market Square", "36.0", "9", "8 %", "33.1"),
    ("Mill Lane", "8.0", "22", "44 %", "28.6"),
    ("Orchard Way", "14.0", "57", "66 %", "26.9"),
    ("Quarry Road", "18.5", "13", "12 %", "32.5"),
    ("Station Street", "16.0", "25", "29 %", "30.2"),
    ("Weaver Street", "11.5", "34", "52 %", "28.1"),
)
STREETS_NOTE = (
    "The forty streets were drawn by lot from all streets of the town that are open to traffic and longer "
    "than one hundred metres. Seven of them stand for the whole in Table 1. Crown cover is the share of the "
    "pavement that lies under leaves when seen from above in June; it was measured on aerial pictures and "
    "checked on foot. Width is the distance between the house fronts."
)
STREETS_CAPTION = "Table 1. Seven of the forty streets; means of June to August, 2 pm to 5 pm."

METHOD = (
    "Each street carried two loggers in white ventilated housings, mounted on lamp posts at a height of "
    "2.2 metres. One hung under the densest crown, the other at the most open point within eighty metres. "
    "Every logger recorded air temperature and humidity at intervals of ten minutes and sent the values "
    "once per hour over the municipal radio network.",
    "Surface temperature was taken from a survey car with a thermal camera. The car drove the same loop of "
    "thirty kilometres on twelve clear days each summer, at dawn, in the early afternoon and two hours "
    "after sunset. Pictures with parked cars in view were removed by hand.",
    "Before the first season all eighty loggers spent one week side by side in the cellar of the town "
    "hall. Differences above a tenth of a degree were corrected; three units were returned to the maker.",
)

QUALITY = (
    "About two per cent of the readings are missing. Most gaps were caused by flat batteries in the second "
    "winter, a few by curious magpies. We filled gaps shorter than one hour by a straight line and left "
    "longer ones empty. No street lost more than nine days.",
    "To see whether the position of a logger matters, we moved ten of them by twenty metres for the whole "
    "of July 2024. The afternoon means changed by less than 0.2 degrees, far below the differences between "
    "streets that are reported here.",
)

FINDINGS = (
    "Crown cover explains most of what we saw. For every ten points of additional cover the afternoon "
    "high fell by 0.9 degrees, and the relation holds from the narrowest lane to the widest avenue. Beyond "
    "seventy per cent the gain becomes small, because a closed roof of leaves also keeps the wind out.",
    "Young trees disappoint at first. In the five years after planting their crowns shade little more than "
    "their own stems. From the eighth year the curve turns upward, and by the fifteenth a lime or a maple "
    "cools as well as a neighbour twice its age. Patience pays, and so does the care of old trees, which "
    "can not be bought at any price.",
    "Nights are different. Under dense crowns the street gives its warmth back more slowly, and the "
    "advantage shrinks to half a degree. Where houses stand close and no wind can enter, we found none at "
    "all. Trees are a remedy for the day; for the night a town needs open ground and moving air.",
)

COMFORT = (
    "People notice. Of 612 passers by who answered our short questionnaire, three in four named shade as "
    "the reason for choosing their way. On hot days the shaded side of Station Street carried five times "
    "as many walkers as the sunny side, and the benches under the planes were never empty.",
    "Schools asked for more. Four of them moved their summer sports to tree lined yards, and the "
    "town now prints a map of cool routes which parents can pick up at the library free of charge.",
    "Shops notice too. Owners in Granary Row reported longer visits in July and August since the "
    "second row of maples was planted. The sample is small, but the direction agrees with studies from "
    "warmer towns, where rents along green streets rose by a tenth within a decade.",
    "Not every species does equally well. Limes and maples grew fastest on our sandy soil, planes bore "
    "the drought of 2024 best, and the cherries of Mill Lane lost a third of their leaves by August. "
    "A mixed row costs no more than a uniform one and will not fail all at once.",
    "Asked what they would give up for more shade, most people offered parking space before money. One in "
    "five would even water a tree at their door.",
)

COOLING = (
    "Figure 1 shows the difference between the covered and the open logger of the same street, averaged "
    "over all clear afternoons of three summers. Limes and maples lead, with planes close behind. The "
    "narrow crowns of cherries and the open ones of birches give less shade, yet even they take more than "
    "a degree off the hottest hours."
)
BARS = (("Lime", 3.9), ("Maple", 3.6), ("Plane", 3.3), ("Oak", 2.7), ("Cherry", 1.8), ("Birch", 1.3))
BARS_CAPTION = "Figure 1. Cooling of the afternoon air under six kinds of street tree."
BARS_AXIS = "Cooling in degrees"

COSTS_PROSE = (
    "A new street tree costs the town 2,140 euros in its first five years, watering included. After "
    "that the yearly care is modest. Table 2 compares the price of one degree of cooling along one hundred "
    "metres of street with the two alternatives that were proposed to the council last spring."
)
COSTS = (
    ("Measure", "First cost", "Yearly care", "Cost per degree"),
    ("Row of twelve limes", "25,680", "960", "6,830"),
    ("Canvas awnings", "41,500", "5,200", "17,300"),
    ("Reflective paving", "88,000", "1,450", "52,400"),
)
COSTS_CAPTION = "Table 2. Costs in euros for one hundred metres of street, at prices of 2025."

ADVICE = (
    "1. Plant both sides of every street wider than twelve metres, starting with the eleven school routes.",
    "2. Give each tree at least nine cubic metres of open soil and water it through five summers.",
    "3. Protect crowns older than forty years in every building permit, without exception.",
    "4. Keep the loggers running, and publish the readings once a month.",
)
CLOSING = (
    "The complete readings, the survey pictures and the scripts that produced every number in this report "
    "may be used freely. They are kept by the town archive and will be extended after each summer."
)
